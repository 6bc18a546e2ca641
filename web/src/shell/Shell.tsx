import { useQuery } from '@tanstack/react-query';
import { NavLink, Outlet } from 'react-router';
import { useLive } from '../api/LiveProvider';
import { dashboard } from '../api/queries';
import { Refusal } from '../api/refusal';
import { count } from '../format/number';
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
  if (error instanceof Refusal && error.status === 401) return <SignIn />;
  const places = [
    { to: '/', label: 'Dashboard' },
    { to: '/records', label: 'Records' },
    { to: '/conflicts', label: 'Conflicts', waiting: headline?.waiting_conflicts },
    { to: '/reviews', label: 'Reviews', waiting: headline?.waiting_reviews },
    { to: '/dead-letters', label: 'Dead letters', waiting: headline?.dead_letters },
    { to: '/plan', label: 'Plan' },
    { to: '/alerts', label: 'Alerts' },
    { to: '/reports', label: 'Reports' },
    { to: '/connections', label: 'Connections' },
  ];
  return (
    <>
      <a className={styles['skip']} href="#content">
        Skip to content
      </a>
      <header className={styles['bar']}>
        <NavLink to="/" className={styles['brand'] ?? ''} aria-label="Entente, to the dashboard">
          <Mark size={24} />
          Entente
        </NavLink>
        <nav className={styles['nav']} aria-label="Main">
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
