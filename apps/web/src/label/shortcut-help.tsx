import { Kbd, Modal, Table, Text } from '@mantine/core';
import { Fragment } from 'react';
import { CHOICE_KEYS } from './choice.js';

const ROWS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: CHOICE_KEYS.prefer[0], does: 'The first response, A, is better' },
  { keys: CHOICE_KEYS.prefer[1], does: 'The second response, B, is better' },
  { keys: CHOICE_KEYS.tie, does: 'Tie: they are about the same' },
  { keys: CHOICE_KEYS.both_bad, does: 'Both are bad: neither is acceptable' },
  { keys: CHOICE_KEYS.skip, does: 'Skip: somebody else will judge it' },
  { keys: ['g'], does: 'Show or hide the guideline' },
  { keys: ['?'], does: 'This list' },
];

export function ShortcutHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" size="md">
      <Table verticalSpacing="xs" withRowBorders={false}>
        <Table.Tbody>
          {ROWS.map((row) => (
            <Table.Tr key={row.does}>
              <Table.Td w={110}>
                {row.keys.map((key, index) => (
                  <Fragment key={key}>
                    {index > 0 && (
                      <Text span size="xs" c="dimmed" mx={6}>
                        or
                      </Text>
                    )}
                    <Kbd>{key.toUpperCase()}</Kbd>
                  </Fragment>
                ))}
              </Table.Td>
              <Table.Td>{row.does}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Text size="sm" c="dimmed" mt="md">
        A choice is stored at once and the next comparison follows.
      </Text>
    </Modal>
  );
}
