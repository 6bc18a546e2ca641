import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { NavLink, Outlet, useLocation } from 'react-router';
import { useLive } from '../api/LiveProvider';
import { dashboard } from '../api/queries';
import { Refusal } from '../api/refusal';
import { count } from '../format/number';
import { Button } from '../ui/Button';
import { Mark } from './Mark';
import { Pulse } from './Pulse';
import styles from './Shell.module.css';
import { SignIn } from './SignIn';
import { SignOut } from './SignOut';
import { ThemeButton } from './ThemeButton';

/** The bar at the top, and the page below it. */
export function Shell() {
  const { error } = useQuery(dashboard);
  const { headline } = useLive();
  const { pathname } = useLocation();
  const [open, setOpen] = useState(false);
  // A place that was chosen closes the menu.
  useEffect(() => setOpen(false), [pathname]);
  if (error instanceof Refusal && error.status === 401) return <SignIn />;
  const places = [
    { to: '/', label: 'Dashboard' },
    { to: '/records', label: 'Records' },
    { to: '/conflicts', label: 'Conflicts', waiting: headline?.waiting_conflicts },
    { to: '/reviews', label: 'Reviews', waiting: headline?.waiting_reviews },
    { to: '/dead-letters', label: 'Dead letters', waiting: headline?.dead_letters },
    { to: '/holds', label: 'Holds' },
    { to: '/plan', label: 'Plan' },
    { to: '/alerts', label: 'Alerts' },
    { to: '/reports', label: 'Reports' },
    { to: '/privacy', label: 'Privacy' },
    { to: '/connections', label: 'Connections' },
    { to: '/mappings', label: 'Mappings' },
    { to: '/reconciliation', label: 'Reconciliation' },
  ];
  const waits = places.reduce((sum, place) => sum + (place.waiting ?? 0), 0);
  return (
    <>
      <a className={styles['skip']} href="#content">
        Skip to content
      </a>
      <header
        className={styles['bar']}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setOpen(false);
        }}
      >
        <NavLink to="/" className={styles['brand'] ?? ''} aria-label="Entente, to the dashboard">
          <Mark size={24} />
          Entente
        </NavLink>
        <Button className={styles['menu'] ?? ''} aria-expanded={open} aria-controls="places" onClick={() => setOpen(!open)}>
          <span className="hidden-text">Menu: </span>
          {places.find(({ to }) => (to === '/' ? pathname === '/' : pathname.startsWith(to)))?.label ?? 'Pages'}
          {waits > 0 && <span className={styles['waiting']}>{count(waits)}</span>}
          <span aria-hidden="true">{open ? '▴' : '▾'}</span>
        </Button>
        <nav id="places" className={`${styles['nav']} ${open ? styles['open'] : ''}`} aria-label="Main">
          {places.map(({ to, label, waiting }) => (
            <NavLink key={to} to={to} end={to === '/'} className={({ isActive }) => `${styles['place']} ${isActive ? styles['here'] : ''}`}>
              {label}
              {waiting !== undefined && waiting > 0 && <span className={styles['waiting']}>{count(waiting)}</span>}
            </NavLink>
          ))}
        </nav>
        <div className={styles['side']}>
          <Pulse />
          <ThemeButton />
          <SignOut />
        </div>
      </header>
      <Outlet />
    </>
  );
}
