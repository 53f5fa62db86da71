import { Button, Center, Loader } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link, Navigate, Outlet, useLocation } from 'react-router';
import type { Role } from '../api/types.js';
import { Empty } from '../ui/empty.js';
import { Failure } from '../ui/failure.js';
import { homeOf, ROLE_NAMES } from './roles.js';
import { useSession, useUser } from './session.js';

/** Shows its children to whoever is signed in and sends everybody else to sign in, and back afterwards. */
export function RequireSession({ children }: { children: ReactNode }) {
  const session = useSession();
  const { pathname, search } = useLocation();
  if (session.isPending) {
    return (
      <Center mih="100dvh">
        <Loader aria-label="Loading" />
      </Center>
    );
  }
  if (session.isError) {
    return (
      <Center mih="100dvh" p="lg">
        <Failure
          title="Plumbline is not answering"
          error={session.error}
          onRetry={() => void session.refetch()}
        />
      </Center>
    );
  }
  if (session.data === null) {
    const from = pathname === '/' ? '' : `?from=${encodeURIComponent(pathname + search)}`;
    return <Navigate to={`/sign-in${from}`} replace />;
  }
  return children;
}

export function RoleHome() {
  return <Navigate to={homeOf(useUser().role)} replace />;
}

/** Shows the pages below it to the roles that may see them, and tells the others. */
export function RequireRole({ may }: { may: (role: Role) => boolean }) {
  const { role } = useUser();
  if (may(role)) return <Outlet />;
  return (
    <Empty
      title="This page is not for your role"
      action={
        <Button component={Link} to={homeOf(role)}>
          Start page
        </Button>
      }
    >
      You are signed in as: {ROLE_NAMES[role].toLowerCase()}.
    </Empty>
  );
}
