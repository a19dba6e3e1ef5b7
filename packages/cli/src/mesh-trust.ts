import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseDeployment } from '@ogong/chain/deployment';
import { findRunningMesh } from '@ogong/devnet/mesh/mesh-control';
import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import type { MeshState } from '@ogong/devnet/mesh/mesh-state';
import { text } from '@ogong/host/config/values';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { parseTrust, type Trust } from '@ogong/protocol/stage1/trust';
import { toPlainBytes } from './receipt-file.ts';
import { unitsOf } from './token-units.ts';

export const meshDirField = {
  schema: text,
  label: '<path>',
  env: 'OGONG_MESH_DIR',
  default: join(homedir(), '.ogong', 'mesh'),
  description: 'directory of a mesh of this machine with keys, data, logs and the chain',
} as const;

/** Values of this machine's mesh that its consumers trust. */
export interface MeshTrust {
  readonly gatewayUrl: string;
  readonly path: string;
  readonly trust: Trust;
  /** Unit of fees; undefined if the file of the contracts cannot be read. */
  readonly paidUnit: string | undefined;
}

/** Undefined if no mesh is ready there, or its files cannot be used. Then checks are skipped with that reason. */
export function findMeshTrust(directory: string): MeshTrust | undefined {
  const mesh = findReadyMesh(resolve(directory));
  if (mesh === undefined) return undefined;
  const { gatewayUrl, trustFile: path, deploymentFile } = mesh;
  try {
    const trust = parseTrust(parseJson(toPlainBytes(readFileSync(path))));
    return { gatewayUrl, path, trust, paidUnit: readPaidUnit(deploymentFile) };
  } catch (error) {
    if (error instanceof ProtocolError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

function readPaidUnit(deploymentFile: string): string | undefined {
  try {
    return unitsOf(parseDeployment(readFileSync(deploymentFile, 'utf8'))).paid;
  } catch {
    // Only the unit of a fee is missing then.
    return undefined;
  }
}

function findReadyMesh(directory: string): MeshState | undefined {
  try {
    const mesh = findRunningMesh(directory);
    return mesh?.phase === 'ready' ? mesh : undefined;
  } catch (error) {
    // `ogong mesh` reports its fault.
    if (error instanceof MeshError) return undefined;
    throw error;
  }
}
