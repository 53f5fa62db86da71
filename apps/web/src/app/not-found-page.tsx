import { Button, Container, Group, Stack, Text, Title } from '@mantine/core';
import { Link, useLocation } from 'react-router';
import { useDocumentTitle } from '../ui/document-title.js';

export function NotFoundPage() {
  const { pathname } = useLocation();
  useDocumentTitle('Not found');
  return (
    <Container size="sm" py="20vh">
      <Stack gap="md">
        <Title order={1}>There is no page here</Title>
        <Text c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          Nothing lives at {pathname}.
        </Text>
        <Group>
          <Button component={Link} to="/">
            Start page
          </Button>
        </Group>
      </Stack>
    </Container>
  );
}
