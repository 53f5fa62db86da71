import {
  Avatar,
  Menu,
  type MantineColorScheme,
  SegmentedControl,
  Text,
  UnstyledButton,
  useMantineColorScheme,
} from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { api } from '../api/client.js';
import type { User } from '../api/types.js';
import { ROLE_NAMES } from '../session/roles.js';
import { SESSION_KEY } from '../session/session.js';
import { SignOutIcon } from '../ui/icons.js';
import { notifyError } from '../ui/notify.js';

const SCHEMES: { value: MantineColorScheme; label: string }[] = [
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
  { value: 'auto', label: 'System' },
];

export function UserMenu({ user }: { user: User }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const signOut = useMutation({
    mutationFn: api.signOut,
    onSuccess: async () => {
      await navigate('/sign-in', { replace: true });
      queryClient.clear();
      queryClient.setQueryData(SESSION_KEY, null);
    },
    onError: (error) => notifyError('You are still signed in', error),
  });
  return (
    <Menu position="bottom-end" width={264} radius="md" shadow="md">
      <Menu.Target>
        <UnstyledButton
          aria-label={`Account of ${user.displayName}`}
          style={{ display: 'flex', alignItems: 'center', gap: 10, borderRadius: 20 }}
        >
          <Text size="sm" visibleFrom="sm" c="dimmed">
            {user.displayName}
          </Text>
          <Avatar size={32} radius="xl" color="plumb" variant="filled" name={user.displayName} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div style={{ padding: '0.5rem 0.75rem' }}>
          <Text size="sm" fw={600} truncate>
            {user.displayName}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {user.email}
          </Text>
          <Text size="xs" c="dimmed">
            {ROLE_NAMES[user.role]}
          </Text>
        </div>
        <Menu.Divider />
        <div style={{ padding: '0.25rem 0.75rem 0.5rem' }}>
          <Text size="xs" c="dimmed" mb={6} id="appearance">
            Appearance
          </Text>
          <SegmentedControl
            fullWidth
            size="xs"
            aria-labelledby="appearance"
            data={SCHEMES}
            value={colorScheme}
            onChange={(value) => setColorScheme(value)}
          />
        </div>
        <Menu.Divider />
        <Menu.Item
          leftSection={<SignOutIcon />}
          onClick={() => signOut.mutate()}
          disabled={signOut.isPending}
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
