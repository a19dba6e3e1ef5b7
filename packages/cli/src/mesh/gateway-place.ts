import { text } from '@ogong/host/config/values';
import { findJoined } from './joined-network.ts';
import { findMeshDirectory, findReadyMesh } from './mesh-place.ts';

const DEFAULT_GATEWAY = 'http://127.0.0.1:4546';

export const gatewayField = {
  schema: text,
  label: '<addr>',
  env: 'OGONG_GATEWAY',
  description: `host:port or URL of the gateway; that of the mesh that runs here if not given, of the network that was joined, or else ${DEFAULT_GATEWAY.slice(7)}`,
} as const;

/** Returns the URL of the named gateway, of the mesh that runs here, of the joined network, or of the default port. */
export function findGatewayUrl({
  gateway,
  meshDir,
}: {
  readonly gateway: string | undefined;
  readonly meshDir: string | undefined;
}): string {
  if (gateway !== undefined) return /^https?:\/\//.test(gateway) ? gateway : `http://${gateway}`;
  return findReadyMesh(findMeshDirectory(meshDir))?.gatewayUrl ?? findJoined()?.gatewayUrl ?? DEFAULT_GATEWAY;
}
