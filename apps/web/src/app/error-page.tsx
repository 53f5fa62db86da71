import { Button, Code, Container, Group, Stack, Text, Title } from '@mantine/core';
import { useRouteError } from 'react-router';
import { describeError } from '../api/problem.js';
import { useDocumentTitle } from '../ui/document-title.js';

/** What the error boundary shows: the page broke, the data did not. */
export function ErrorPage() {
  const error = useRouteError();
  useDocumentTitle('Something broke');
  return (
    <Container size="sm" py="20vh">
      <Stack gap="md" role="alert">
        <Title order={1}>This page broke</Title>
        <Text c="dimmed">
          Nothing was lost: what you had submitted is stored. Reload the page; if it breaks again, pass on the
          message below.
        </Text>
        <Code block>{describeError(error)}</Code>
        <Group>
          <Button onClick={() => window.location.reload()}>Reload</Button>
          <Button variant="default" component="a" href="/">
            Start page
          </Button>
        </Group>
      </Stack>
    </Container>
  );
}
