import { createBrowserRouter } from 'react-router';
import { RequireRole, RequireSession, RoleHome } from '../session/guards.js';
import { mayLabel, mayReadRuns } from '../session/roles.js';
import { SignInPage } from '../session/sign-in-page.js';
import { ErrorPage } from './error-page.js';
import { NotFoundPage } from './not-found-page.js';
import { Shell } from './shell.js';

/** Pages load when they are visited: a labeler never downloads the charts. */
export function createAppRouter() {
  return createBrowserRouter([
    {
      errorElement: <ErrorPage />,
      hydrateFallbackElement: <></>,
      children: [
        { path: '/sign-in', element: <SignInPage /> },
        {
          element: (
            <RequireSession>
              <Shell />
            </RequireSession>
          ),
          children: [
            {
              errorElement: <ErrorPage />,
              children: [
                { index: true, element: <RoleHome /> },
                {
                  element: <RequireRole may={mayLabel} />,
                  children: [
                    {
                      path: 'label',
                      lazy: async () => ({ Component: (await import('../label/label-page.js')).LabelPage }),
                    },
                  ],
                },
                {
                  element: <RequireRole may={mayReadRuns} />,
                  children: [
                    {
                      path: 'runs',
                      lazy: async () => ({ Component: (await import('../runs/runs-page.js')).RunsPage }),
                    },
                    {
                      path: 'runs/:runId/:tab?',
                      lazy: async () => ({ Component: (await import('../runs/run-page.js')).RunPage }),
                    },
                  ],
                },
                { path: '*', element: <NotFoundPage /> },
              ],
            },
          ],
        },
      ],
    },
  ]);
}
