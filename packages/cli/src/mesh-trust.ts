import { readFileSync } from 'node:fs';
import { parseDeployment } from '@ogong/chain/deployment';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { parseTrust, type Trust } from '@ogong/protocol/stage1/trust';
import { findMeshDirectory, findReadyMesh } from './mesh/mesh-place.ts';
import { toPlainBytes } from './receipt-file.ts';
import { unitsOf } from './token-units.ts';

/** Values of this machine's mesh that its consumers trust. */
export interface MeshTrust {
  readonly gatewayUrl: string;
  readonly path: string;
  readonly trust: Trust;
  readonly deploymentFile: string;
  readonly rpcUrl: string;
  /** Unit of fees; undefined if the file of the contracts cannot be read. */
  readonly paidUnit: string | undefined;
}

/**
 * Finds the trusted values of a mesh. @param meshDir undefined: the newest mesh that runs here.
 * @returns undefined if no mesh is ready there, or its files cannot be used. Then checks are skipped with that reason.
 */
export function findMeshTrust(meshDir: string | undefined): MeshTrust | undefined {
  const mesh = findReadyMesh(findMeshDirectory(meshDir));
  if (mesh === undefined) return undefined;
  const { gatewayUrl, trustFile: path, deploymentFile, rpcUrl } = mesh;
  try {
    const trust = parseTrust(parseJson(toPlainBytes(readFileSync(path))));
    return { gatewayUrl, path, trust, deploymentFile, rpcUrl, paidUnit: readPaidUnit(deploymentFile) };
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
