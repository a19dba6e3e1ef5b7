import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { z } from 'zod';

const notesSchema = z.object({
  gateway: z.string(),
  /** Of the key that signed the network's document. */
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  modelId: z.string(),
  model: z.string(),
});

/** The network that a data directory has joined, and the model that it serves there. */
export type JoinNotes = z.infer<typeof notesSchema>;

const FILE = 'network.json';

/** @throws ConfigError for a file that is none of these. */
export function readJoinNotes(command: string, dataDir: string): JoinNotes | undefined {
  const path = join(dataDir, FILE);
  if (!existsSync(path)) return undefined;
  try {
    return notesSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw new ConfigError(command, [`${path} cannot be read; move it away, and join again`]);
  }
}

export function writeJoinNotes(dataDir: string, notes: JoinNotes): void {
  makePrivateDirectory(dataDir);
  writePrivateFile(join(dataDir, FILE), `${JSON.stringify(notes, null, 2)}\n`);
}
