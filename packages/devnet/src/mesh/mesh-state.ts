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
  /** Its present step, or the reason of its failure. */
  message: z.string(),
  model: z.string(),
  gatewayUrl: z.string(),
  rpcUrl: z.string(),
  deploymentFile: z.string(),
  /** Values that a consumer on this machine trusts, once the mesh is ready. */
  trustFile: z.string(),
  processes: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      port: z.number(),
      logFile: z.string(),
      /** Address of its metrics, host:port; undefined until it serves. */
      metrics: z.string().optional(),
      identity: identity.optional(),
    }),
  ),
});

/** State that a launcher leaves on the disk, so that other commands find it. */
export type MeshState = z.infer<typeof stateSchema>;

/** The fields that end a mesh: every version writes them alike. A file without a launcher is refused, and kept. */
const stoppableSchema = z.object({
  launcher: identity,
  processes: z.array(z.object({ name: z.string(), identity: identity.optional() })),
});

export type StoppableMesh = z.infer<typeof stoppableSchema>;

const stateFile = (directory: string): string => join(directory, 'mesh.json');

/** Undefined where no mesh was started in the directory. @throws MeshError 'damaged-state'. */
export function readMeshState(directory: string): MeshState | undefined {
  const advice = '`ogong mesh down` ends what it names; `ogong mesh up` then starts anew';
  return readState(directory, stateSchema, `is not the state of a mesh of this version: ${advice}`);
}

/** The same for a command that ends the mesh, also one of another version. @throws MeshError 'damaged-state'. */
export function readStoppableMesh(directory: string): StoppableMesh | undefined {
  const advice = `end what runs by hand (its command lines name ${directory}), and delete the file`;
  return readState(directory, stoppableSchema, `does not say which processes belong to the mesh: ${advice}`);
}

function readState<T>(directory: string, schema: z.ZodType<T>, problem: string): T | undefined {
  const file = stateFile(directory);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new MeshError('damaged-state', `${file} ${problem}`, { cause });
  }
}

export function writeMeshState(directory: string, state: MeshState): void {
  makePrivateDirectory(directory);
  writePrivateFile(stateFile(directory), `${JSON.stringify(state, null, 2)}\n`);
}

export function removeMeshState(directory: string): void {
  rmSync(stateFile(directory), { force: true });
}
