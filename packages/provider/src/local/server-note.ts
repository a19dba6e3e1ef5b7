import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import type { HostPort } from '@ogong/host/link/host-port';

/** Names the run of the server that answers, so that a program which took over its port is not mistaken for it. */
export const INSTANCE_HEADER = 'x-ogong-instance';

const LOOK_MS = 2_000;
const notePath = (dataDir: string): string => join(dataDir, 'local-server.json');

/** Leaves a note of the running server for the commands of this data directory. @returns a function that removes the note. */
export function noteServer(dataDir: string, { host, port }: HostPort, instance: string): () => void {
  makePrivateDirectory(dataDir);
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const url = `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
  writePrivateFile(notePath(dataDir), `${JSON.stringify({ url, instance })}\n`);
  return () => {
    // Another server may have taken the place of this one.
    if (readNote(dataDir)?.instance === instance) rmSync(notePath(dataDir), { force: true });
  };
}

/** The URL of the server that runs on a data directory. A note that a server left when it was killed counts as none. */
export async function findServer(dataDir: string): Promise<string | undefined> {
  const note = readNote(dataDir);
  if (note === undefined) return undefined;
  const response = await fetch(note.url, { signal: AbortSignal.timeout(LOOK_MS) }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.headers.get(INSTANCE_HEADER) === note.instance ? note.url : undefined;
}

function readNote(dataDir: string): { readonly url: string; readonly instance: string } | undefined {
  try {
    const { url, instance } = JSON.parse(readFileSync(notePath(dataDir), 'utf8')) as Record<string, unknown>;
    return typeof url === 'string' && typeof instance === 'string' && URL.canParse(url) ? { url, instance } : undefined;
  } catch {
    // No note, or half of one.
    return undefined;
  }
}
