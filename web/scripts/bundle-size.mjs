// The web app's budget: what a first visit loads, compressed as it is served.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 350 * 1024; // about two seconds on a 1.5 Mbit/s line

const dist = new URL('../dist/', import.meta.url).pathname;
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

const sizes = files.map((file) => [file.slice(dist.length), gzipSync(readFileSync(file)).length]);
const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

console.log(`web app: ${kib(total)} of ${kib(BUDGET)} compressed, ${sizes.length} files`);
if (total > BUDGET) {
  for (const [file, bytes] of sizes.sort((a, b) => b[1] - a[1])) console.error(`  ${kib(bytes).padStart(10)}  ${file}`);
  console.error('the web app is over its budget: drop a dependency or load a part of it later');
  process.exit(1);
}
