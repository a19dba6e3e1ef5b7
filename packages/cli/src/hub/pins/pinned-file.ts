import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ConfigError } from '@ogong/host/config/config-error';
import { computePinnedContent, type PinnedContent } from '@ogong/hub/transfer/pinned-content';

/** Computes both roots of a file in one reading. @throws ConfigError for an empty or missing file. */
export async function readPinnedFile(program: string, path: string): Promise<PinnedContent> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size === 0) throw new ConfigError(program, [`${path} is no file with content`]);
  return computePinnedContent(createReadStream(path, { highWaterMark: 1 << 20 }));
}
