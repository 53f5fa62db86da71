import { Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { Navigate, useSearchParams } from 'react-router';
import { api, rememberCsrfToken } from '../api/client.js';
import { ApiError, describeError } from '../api/problem.js';
import { Logo } from '../app/logo.js';
import { useDocumentTitle } from '../ui/document-title.js';
import { Notice } from '../ui/notice.js';
import { homeOf } from './roles.js';
import styles from './sign-in-page.module.css';
import { SESSION_KEY, useSession } from './session.js';

export function SignInPage() {
  useDocumentTitle('Sign in');
  const session = useSession();
  const [search] = useSearchParams();
  const queryClient = useQueryClient();
  const [missing, setMissing] = useState({ email: false, password: false });
  const passwordField = useRef<HTMLInputElement>(null);
  const signIn = useMutation({
    mutationFn: ({ email, password }: { email: string; password: string }) => api.signIn(email, password),
    onSuccess: (data) => {
      rememberCsrfToken(data.csrfToken);
      queryClient.setQueryData(SESSION_KEY, data);
    },
    onError: () => passwordField.current?.select(),
  });

  if (session.data)
    return <Navigate to={localPath(search.get('from')) ?? homeOf(session.data.user.role)} replace />;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const email = textOf(form.get('email')).trim();
    const password = textOf(form.get('password'));
    setMissing({ email: email === '', password: password === '' });
    if (email !== '' && password !== '') signIn.mutate({ email, password });
  };

  return (
    <main className={styles.page}>
      <div className={styles.line} aria-hidden="true" />
      <form className={styles.card} onSubmit={submit} noValidate aria-labelledby="sign-in-title">
        <Stack gap="lg">
          <div>
            <Logo size={40} />
            <Title order={1} mt="md" id="sign-in-title">
              Sign in to Plumbline
            </Title>
            <Text c="dimmed" size="sm" mt={4}>
              {search.has('from')
                ? 'Sign in to continue where you were.'
                : 'Language models that people prefer.'}
            </Text>
          </div>
          {signIn.isError && <Notice tone="negative">{explain(signIn.error)}</Notice>}
          <Stack gap="md">
            <TextInput
              name="email"
              type="email"
              label="E-mail"
              autoComplete="username"
              size="md"
              autoFocus
              error={missing.email ? 'Enter your e-mail address' : undefined}
            />
            <PasswordInput
              ref={passwordField}
              name="password"
              label="Password"
              autoComplete="current-password"
              size="md"
              error={missing.password ? 'Enter your password' : undefined}
              visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
            />
          </Stack>
          <Button type="submit" size="md" fullWidth loading={signIn.isPending}>
            Sign in
          </Button>
        </Stack>
      </form>
    </main>
  );
}

function textOf(value: FormDataEntryValue | null): string {
  return typeof value === 'string' ? value : '';
}

function explain(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return 'E-mail or password is wrong.';
  if (error instanceof ApiError && error.status === 429) {
    return 'Too many attempts. Wait a minute, then try again.';
  }
  if (error instanceof ApiError && error.fields[0] !== undefined) return error.fields[0].message;
  return describeError(error);
}

/** A path within this app, or null: a link must not send people elsewhere after they signed in. */
function localPath(from: string | null): string | null {
  return from !== null && /^\/(?![/\\])/.test(from) && !from.startsWith('/sign-in') ? from : null;
}
