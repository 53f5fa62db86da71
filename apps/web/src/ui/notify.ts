import { notifications } from '@mantine/notifications';
import { describeError } from '../api/problem.js';

export function notifyError(title: string, error: unknown): void {
  notifications.show({ color: 'red', title, message: describeError(error), autoClose: 10_000 });
}

export function notify(message: string, title?: string): void {
  notifications.show({ color: 'plumb', title, message });
}
