import { Loader } from '@mantine/core';
import { Suspense } from 'react';
import { Link, NavLink, Outlet } from 'react-router';
import { mayLabel, mayReadRuns } from '../session/roles.js';
import { useUser } from '../session/session.js';
import { Logo } from './logo.js';
import styles from './shell.module.css';
import { UserMenu } from './user-menu.js';

/** The frame of every page: where one can go, who one is. */
export function Shell() {
  const user = useUser();
  return (
    <div className={styles.shell}>
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <header className={styles.header}>
        <div className={styles.bar}>
          <Link to="/" className={styles.brand} aria-label="Plumbline, start page">
            <Logo />
            <span className={styles.name}>Plumbline</span>
          </Link>
          <nav aria-label="Main" className={styles.nav}>
            {mayLabel(user.role) && <NavLink to="/label">Label</NavLink>}
            {mayReadRuns(user.role) && <NavLink to="/runs">Runs</NavLink>}
          </nav>
          <UserMenu user={user} />
        </div>
      </header>
      <main id="main" className={styles.main} tabIndex={-1}>
        <Suspense fallback={<Loader m="xl" aria-label="Loading" />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}
