import type { ComponentProps } from 'react';
import styles from './Button.module.css';

export function Button({ kind = 'plain', className = '', ...props }: ComponentProps<'button'> & { kind?: 'plain' | 'primary' | 'danger' | 'quiet' }) {
  return <button type="button" {...props} className={[styles['button'], styles[kind], className].filter(Boolean).join(' ')} />;
}
