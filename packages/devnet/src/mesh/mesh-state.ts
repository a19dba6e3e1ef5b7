import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { z } from 'zod';
import { MeshError } from './mesh-error.ts';

const identity = z.object({ pid: z.number().int().positive(), startedAt: z.string() });

const stateSchema = z.object({
  /** The process that holds the mesh together. */
  launcher: identity,
  phase: z.enum(['starting', 'ready', 'stopping']),
  /** What it is doing, or why it failed. */
  message: z.string(),
  model: z.string(),
  gatewayUrl: z.string(),
  rpcUrl: z.string(),
  deploymentFile: z.string(),
  /** What a consumer on this machine takes for granted, once the mesh is ready. */
  trustFile: z.string(),
  processes: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      port: z.number(),
      logFile: z.string(),
      identity: identity.optional(),
    }),
  ),
});

/** What a launcher leaves on the disk for other commands to find it by. */
export type MeshState = z.infer<typeof stateSchema>;

const stateFile = (directory: string): string => join(directory, 'mesh.json');

/** Undefined where no mesh was started in the directory. @throws MeshError 'damaged-state'. */
export function readMeshState(directory: string): MeshState | undefined {
  const file = stateFile(directory);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new MeshError('damaged-state', `${file} is not the state of a mesh; delete it if nothing runs any more`, {
      cause,
    });
  }
}

export function writeMeshState(directory: string, state: MeshState): void {
  makePrivateDirectory(directory);
  writePrivateFile(stateFile(directory), `${JSON.stringify(state, null, 2)}\n`);
}

export function removeMeshState(directory: string): void {
  rmSync(stateFile(directory), { force: true });
}
