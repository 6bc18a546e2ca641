/** Gives the person a file, as if the browser had downloaded it. */
export function save(name: string, text: string, type = 'application/json'): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken what it needs by the next turn; a minute is for slow ones.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
