import { useState } from 'react';
import { Button } from '../ui/Button';
import { type Theme, applyTheme, nextTheme, storedTheme } from './theme';

const SIGNS: Record<Theme, string> = {
  system: 'M3 4h14v9H3zM7 16h6',
  light: 'M10 6a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4',
  dark: 'M16.5 12A7 7 0 0 1 8 3.5 7 7 0 1 0 16.5 12z',
};

export function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme);
  const change = () => {
    const next = nextTheme(theme);
    applyTheme(next);
    setTheme(next);
  };
  return (
    <Button kind="quiet" onClick={change} aria-label={`Colours: ${theme}. Change`} title={`Colours: ${theme}`}>
      <svg viewBox="0 0 20 20" width="16" height="16" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
        <path d={SIGNS[theme]} />
      </svg>
    </Button>
  );
}
