import type { ChainClient } from '@ogong/chain/client';
import { readOrderKeys } from '@ogong/chain/registry/order-keys';
import { httpUrl, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { readTrust } from '@ogong/host/views/read-trust';
import { createRootFinder } from '@ogong/host/views/registry-roots';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { addPublishedRoot, type FindModelRoots } from '@ogong/protocol/stage1/published-root';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { parseAllow, parseTrust, type Trust } from '@ogong/protocol/stage1/trust';
import { findMeshTrust, type MeshTrust, meshDirField } from './mesh-trust.ts';
import { openLedger } from './open-ledger.ts';
import { toPlainBytes } from './receipt-file.ts';
import { unitsOf } from './token-units.ts';
import { readUserFile } from './user-files.ts';

export const trustFields = {
  trust: {
    schema: text,
    label: '<path>',
    env: 'OGONG_TRUST',
    description:
      "JSON file with trusted values: ledger, validators, routers, published model roots, skipped checks. Without it and --deployment, receipts of this machine's mesh use its values",
  },
  rpcUrl: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_RPC_URL',
    description: 'JSON-RPC address of the chain to read validators and published models from, with --deployment',
  },
  deployment: {
    schema: text,
    label: '<path>',
    env: 'OGONG_DEPLOYMENT',
    description: 'JSON file with the addresses of the contracts',
  },
  allow: {
    schema: text,
    label: '<check>',
    env: 'OGONG_ALLOW',
    repeatable: true,
    description: 'a check that may be skipped; repeat it for several; network: all that a local answer lacks',
  },
  meshDir: meshDirField,
} as const;

export interface TrustSources {
  readonly trust: string | undefined;
  readonly rpcUrl: string | undefined;
  readonly deployment: string | undefined;
  readonly allow: readonly string[];
  readonly meshDir: string;
}

export interface OpenedTrust {
  readonly trust: Trust;
  /** The registry on the chain of --deployment. */
  readonly findModelRoots?: FindModelRoots;
  /** Of --deployment. */
  readonly chain?: ChainClient;
  /** The file of this machine's mesh, if no file was named. */
  readonly meshFile?: string;
  /** Unit of fees, if the deployment is known. */
  readonly paidUnit?: string;
}

/**
 * Returns the values against which receipts are checked, and the checks that may be skipped. A file's fields and those of the chain are
 * joined. If the user names neither, the mesh of this machine gives them for its own receipts.
 * @param isOfMesh whether the checked receipt comes from that mesh.
 * @throws TrustSourceError if a source would be ignored: both name one field, or an RPC address has no deployment.
 */
export async function loadTrust(
  command: string,
  { trust, rpcUrl, deployment, allow, meshDir }: TrustSources,
  isOfMesh: (mesh: MeshTrust) => boolean,
): Promise<OpenedTrust> {
  if (rpcUrl !== undefined && deployment === undefined) {
    throw new TrustSourceError('--rpc-url is of no use without --deployment, which names the contracts to read');
  }
  const found = trust === undefined && deployment === undefined ? findMeshTrust(meshDir) : undefined;
  const mesh = found && isOfMesh(found) ? found : undefined;
  const ofFile = mesh?.trust ?? (trust === undefined ? {} : readTrustFile(trust));
  const chain = deployment === undefined ? undefined : await openLedger(command, { deployment, rpcUrl });
  const paidUnit = chain === undefined ? mesh?.paidUnit : unitsOf(chain.deployment).paid;
  const joined = joinTrust(ofFile, chain === undefined ? {} : await readTrust(chain));
  return {
    trust: { ...joined, allow: [...(joined.allow ?? []), ...parseAllow(allow)] },
    ...(chain && { chain, findModelRoots: createRootFinder({ client: async () => chain }) }),
    ...(mesh && { meshFile: mesh.path }),
    ...(paidUnit && { paidUnit }),
  };
}

/**
 * Adds the chain's facts about one receipt to the trust. They are the root in force under its model's name, and keys that may sign its
 * order. @throws ChainError
 */
export async function addChainTrust(
  { trust: given, findModelRoots, chain }: Pick<OpenedTrust, 'trust' | 'findModelRoots' | 'chain'>,
  receipt: Receipt,
): Promise<Trust> {
  const trust = findModelRoots === undefined ? given : await addPublishedRoot(given, receipt, findModelRoots);
  if (chain === undefined) return trust;
  return { ...trust, orderKeys: [...(trust.orderKeys ?? []), ...(await readOrderKeys(nodeCrypto, chain, receipt))] };
}

function readTrustFile(path: string): Trust {
  const bytes = readUserFile(path);
  try {
    return parseTrust(parseJson(toPlainBytes(bytes)));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new TrustSourceError(`--trust ${path}: ${cause.message}`, { cause });
  }
}

/** Trust that cannot be used: a file that cannot be read, or two sources that say different things. */
export class TrustSourceError extends Error {
  override readonly name = 'TrustSourceError';
  readonly code = 'trust-sources';
  readonly retryable = false;
}

/** @throws TrustSourceError if both name one field: one of the two would be dropped. */
export function joinTrust(ofFile: Trust, ofChain: Trust): Trust {
  const twice = Object.keys(ofFile).find((field) => Object.hasOwn(ofChain, field));
  if (twice === undefined) return { ...ofFile, ...ofChain };
  throw new TrustSourceError(
    `${twice} stands in the --trust file and is read from the chain of --deployment: leave one out`,
  );
}
