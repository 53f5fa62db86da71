import { ActionIcon, Anchor, CopyButton, Tooltip } from '@mantine/core';
import { addresses } from '../api/client.js';
import { CheckIcon, CopyIcon } from './icons.js';
import styles from './hash.module.css';

export interface HashProps {
  /** The whole of it; the first ten characters are shown. */
  readonly value: string;
  /** What it names, for screen readers: `model`, `configuration`. */
  readonly of: string;
  /** True where the artifact store holds content under this hash. */
  readonly artifact?: boolean;
}

/** A SHA-256 or commit: short to the eye, whole to the clipboard, a link where there is content behind it. */
export function Hash({ value, of, artifact = false }: HashProps) {
  const short = value.slice(0, 10);
  return (
    <span className={styles.hash}>
      {artifact ? (
        <Anchor
          href={addresses.artifact(value)}
          target="_blank"
          rel="noopener"
          className={styles.code}
          title={value}
          aria-label={`Open ${of} ${short}`}
        >
          {short}
        </Anchor>
      ) : (
        <span className={styles.code} title={value}>
          {short}
        </span>
      )}
      <CopyButton value={value} timeout={1500}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : 'Copy'}>
            <ActionIcon
              size={22}
              variant="subtle"
              color={copied ? 'green' : 'gray'}
              onClick={copy}
              aria-label={copied ? `Copied ${of}` : `Copy ${of} ${short}`}
            >
              {copied ? <CheckIcon size={12} /> : <CopyIcon size={13} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </span>
  );
}
