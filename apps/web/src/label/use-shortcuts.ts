import { useEffect, useRef } from 'react';
import { type Choice, choiceForKey } from './choice.js';

export interface Shortcuts {
  /** False while a dialog is open: its keys are its own. */
  readonly enabled: boolean;
  readonly onChoice: (choice: Choice) => void;
  readonly onHelp: () => void;
  readonly onGuideline: () => void;
}

/** Single keys for the whole page. A held key decides once; keys typed into a field or with a modifier are left alone. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const { enabled, onChoice, onHelp, onGuideline } = latest.current;
      if (!enabled || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing)
        return;
      if (isEditable(event.target)) return;
      const choice = choiceForKey(event.key);
      if (choice !== null) onChoice(choice);
      else if (event.key === '?') onHelp();
      else if (event.key.toLowerCase() === 'g') onGuideline();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

function isEditable(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.closest(
        'input:not([type=radio], [type=checkbox]), textarea, select, [role=menu], [role=dialog]',
      ) !== null)
  );
}
