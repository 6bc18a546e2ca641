import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` talks to an `entente serve` or `entente demo` on this machine.
const backend = process.env['ENTENTE_URL'] ?? 'http://127.0.0.1:7171';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/api': backend } },
  build: {
    target: 'es2022',
    // Fonts and pictures stay files: the content security policy has no `data:` for them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'node' },
});
