import { useQuery } from '@tanstack/react-query';
import { api, rememberCsrfToken } from '../api/client.js';
import { isSignedOut } from '../api/problem.js';
import type { Session, User } from '../api/types.js';

export const SESSION_KEY = ['session'] as const;

/** Who is signed in; `null` when nobody is. */
export function useSession() {
  return useQuery<Session | null>({
    queryKey: SESSION_KEY,
    queryFn: async () => {
      try {
        const session = await api.session();
        rememberCsrfToken(session.csrfToken);
        return session;
      } catch (error) {
        if (isSignedOut(error)) return null;
        throw error;
      }
    },
    staleTime: Infinity,
    gcTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
}

/** The signed-in user, inside `RequireSession`. */
export function useUser(): User {
  const { data } = useSession();
  if (data == null) throw new Error('Nobody is signed in.');
  return data.user;
}
