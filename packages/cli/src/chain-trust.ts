import type { ChainClient } from '@ogong/chain/client';
import { readOrderKeys } from '@ogong/chain/registry/order-keys';
import { httpUrl, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { readTrust } from '@ogong/host/views/read-trust';
import { toRegisteredRouter } from '@ogong/host/views/registered-router';
import { createRootFinder } from '@ogong/host/views/registry-roots';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { addPublishedRoot, type FindModelRoots } from '@ogong/protocol/stage1/published-root';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { addRegisteredRouter, type FindRouter } from '@ogong/protocol/stage1/registered-router';
import { parseAllow, parseTrust, type Trust } from '@ogong/protocol/stage1/trust';
import { findJoined } from './mesh/joined-network.ts';
import { meshDirField } from './mesh/mesh-place.ts';
import { findMeshTrust, type MeshTrust } from './mesh-trust.ts';
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
      "JSON file with trusted values: ledger, validators, routers, published model roots, skipped checks. Without it, receipts of this machine's mesh use its values",
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
  readonly meshDir: string | undefined;
}

export interface OpenedTrust {
  readonly trust: Trust;
  /** The registry on the chain. */
  readonly findModelRoots?: FindModelRoots;
  /** Of --deployment, or of this machine's mesh if the caller needs a chain. */
  readonly chain?: ChainClient;
  /** The set on that chain now, with its endpoints. */
  readonly validators?: readonly QuorumMember[];
  /** The trust file of this machine's mesh, if it is used. */
  readonly meshFile?: string;
  /** The file of the mesh's contracts, if its chain is read. */
  readonly meshDeployment?: string;
  /** The file of the network that was joined, if its chain is read. */
  readonly joinedFile?: string;
  /** Unit of fees, if the deployment is known. */
  readonly paidUnit?: string;
}

/**
 * Returns the values against which receipts are checked, and the checks that may be skipped. A file's fields and those of the chain are
 * joined. This machine's mesh gives the rest for its own receipts: its trust file if no file is named, its chain if one is needed. Else the
 * network that the user has joined gives its chain.
 * @param isOfMesh whether the checked receipt comes from that mesh.
 * @throws TrustSourceError if a source would be ignored: two name different networks, or an RPC address has no deployment.
 */
export async function loadTrust(
  command: string,
  { trust, rpcUrl, deployment, allow, meshDir }: TrustSources,
  isOfMesh: (found: Pick<MeshTrust, 'gatewayUrl' | 'trust'>) => boolean,
  { needsChain = false }: { readonly needsChain?: boolean } = {},
): Promise<OpenedTrust> {
  if (rpcUrl !== undefined && deployment === undefined) {
    throw new TrustSourceError('--rpc-url is of no use without --deployment, which names the contracts to read');
  }
  const found = findMeshTrust(meshDir);
  const here = found && isOfMesh(found) ? found : undefined;
  const entered = here === undefined && deployment === undefined && trust === undefined ? findJoined() : undefined;
  const network = entered && isOfMesh(entered) ? entered : undefined;
  const meshPlace = needsChain && deployment === undefined ? here : undefined;
  const known = meshPlace ?? network;
  const place = known
    ? { deployment: known.deploymentFile, rpcUrl: known.rpcUrl }
    : deployment !== undefined && { deployment, rpcUrl };
  const chain = place ? await openLedger(command, place) : undefined;
  const ofChain = chain === undefined ? {} : await readTrust(chain);
  const mesh = trust === undefined && here && findConflict(here.trust, ofChain) === undefined ? here : undefined;
  const joined = trust === undefined ? { ...mesh?.trust, ...ofChain } : joinTrust(readTrustFile(trust), ofChain);
  const paidUnit = chain === undefined ? mesh?.paidUnit : unitsOf(chain.deployment).paid;
  return {
    trust: { ...joined, allow: [...(joined.allow ?? []), ...parseAllow(allow)] },
    ...(chain && { chain, findModelRoots: createRootFinder({ client: async () => chain }) }),
    ...(ofChain.validators && { validators: ofChain.validators }),
    ...(mesh && { meshFile: mesh.path }),
    ...(meshPlace && { meshDeployment: meshPlace.deploymentFile }),
    ...(network && { joinedFile: network.path }),
    ...(paidUnit && { paidUnit }),
  };
}

/** Formats one line for each file of this machine's mesh, or of the joined network, that is used; empty if none is. */
export function formatMeshFiles({ meshFile, meshDeployment, joinedFile }: OpenedTrust): string {
  const trusted = meshFile === undefined ? '' : `${meshFile}: trusted, of the mesh that runs here\n`;
  const followed = meshDeployment === undefined ? '' : `${meshDeployment}: its chain is read\n`;
  const joined = joinedFile === undefined ? '' : `${joinedFile}: the chain of the network that was joined is read\n`;
  return `${trusted}${followed}${joined}`;
}

/**
 * Adds the chain's facts about one receipt to the trust. They are the root in force under its model's name, its router if that has a bond,
 * and keys that may sign its order. @throws ChainError
 */
export async function addChainTrust(
  { trust: given, findModelRoots, chain }: Pick<OpenedTrust, 'trust' | 'findModelRoots' | 'chain'>,
  receipt: Receipt,
): Promise<Trust> {
  const rooted = findModelRoots === undefined ? given : await addPublishedRoot(given, receipt, findModelRoots);
  if (chain === undefined) return rooted;
  const trust = await addRegisteredRouter(nodeCrypto, rooted, receipt, createRouterFinder(chain));
  return { ...trust, orderKeys: [...(trust.orderKeys ?? []), ...(await readOrderKeys(nodeCrypto, chain, receipt))] };
}

/** Looks routers up in the registry on the chain. */
const createRouterFinder =
  (chain: Pick<ChainClient, 'routerOf'>): FindRouter =>
  async (router) => {
    const found = await chain.routerOf(router);
    return found && toRegisteredRouter(found);
  };

function readTrustFile(path: string): Trust {
  const bytes = readUserFile(path);
  try {
    return parseTrust(parseJson(toPlainBytes(bytes)));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new TrustSourceError(`--trust ${path}: ${cause.message}`, { cause });
  }
}

/** Trust that cannot be used: a file that cannot be read, or two sources about different networks. */
export class TrustSourceError extends Error {
  override readonly name = 'TrustSourceError';
  readonly code = 'trust-sources';
  readonly retryable = false;
}

/**
 * Joins the values of a file and of the chain. The user's file prevails: a server of the chain adds values, and replaces none.
 * @throws TrustSourceError if the two are about different networks.
 */
export function joinTrust(ofFile: Trust, ofChain: Trust): Trust {
  const conflict = findConflict(ofFile, ofChain);
  if (conflict === undefined) return { ...ofChain, ...ofFile };
  throw new TrustSourceError(
    `the --trust file names another ${conflict} than the chain of the deployment: they are about different networks`,
  );
}

/** Finds a contract that both name differently. */
function findConflict(one: Trust, other: Trust): 'ledger' | 'settlement' | undefined {
  if (one.ledger && other.ledger && !isSameLedger(one.ledger, other.ledger)) return 'ledger';
  if (one.settlement && other.settlement && !equalBytes(one.settlement, other.settlement)) return 'settlement';
  return undefined;
}

/** Returns true if both name the same contract of the same chain. */
export const isSameLedger = (one: LedgerDomain, other: LedgerDomain): boolean =>
  one.chainId === other.chainId && equalBytes(one.verifyingContract, other.verifyingContract);
