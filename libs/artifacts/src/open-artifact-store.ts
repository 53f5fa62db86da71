import { fileURLToPath } from 'node:url';
import { ArtifactError } from './artifact-error.js';
import type { ArtifactStore } from './artifact-store.js';
import { FileArtifactStore } from './file-artifact-store.js';

/**
 * The store that a URL names.
 * @throws ArtifactError `malformed` for a scheme that is not supported
 */
export function openArtifactStore(url: string): ArtifactStore {
  if (url.startsWith('file://')) return new FileArtifactStore(fileURLToPath(url));
  throw new ArtifactError(
    'malformed',
    `ARTIFACTS_URL ${JSON.stringify(url)}: only file:// URLs are supported`,
  );
}
