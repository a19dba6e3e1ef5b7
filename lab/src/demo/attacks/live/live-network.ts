import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { bytesToHex } from '@ogong/chain/hex';
import { setDevBalance } from '@ogong/devnet/chain/dev-chain';
import type { Mesh, MeshMember } from '@ogong/devnet/mesh/mesh';
import { loadMeshIdentity, loadMeshValidator } from '@ogong/devnet/mesh/mesh-identities';
import { OGONG } from '@ogong/devnet/mesh/mesh-ledger';
import { createOrLoadKeys, createOrLoadVrfSeed } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool, type Peer } from '@ogong/host/link/link-pool';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { type EpochValue, parseEpochCertificate, readEpochValue } from '@ogong/protocol/beacon/epoch-certificate';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { AttackCourse } from '../../../attackers/protocol/define-attack.ts';
import type { AttackedDoor } from '../../../attackers/protocol/network/stranger-link.ts';
import { ask } from '../../ask.ts';
import { replyIdOf } from '../../claims/finding.ts';
import { listMembers, readTrust } from '../../mesh-members.ts';
import { readBooks } from '../../money/ledger-book.ts';
import { waitUntil } from '../../polling.ts';
import { planRequest } from '../../prompts.ts';
import { readVerdictLogs } from '../../verdict-logs.ts';

const MAX_TOKENS = 24;
const FEES = 10n * OGONG;
/** If verifiers are silent, a reply may wait for later audit attempts. */
const PATIENCE_MS = 300_000;

/** Keys of the adversary's, as everybody can make them: an account with native coin for fees and the tokens that it asked for. */
export interface LiveAccount {
  readonly address: Uint8Array;
  readonly signer: LedgerSigner;
  readonly hybrid: HybridSigner;
  readonly client: ChainClient;
}

/** A daemon that turns out to be the adversary's: its process has ended, and its keys speak in its place. */
export interface OwnedDaemon {
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly identity: LinkIdentity;
  readonly hybrid: HybridSigner;
  /** Signs for the account of a validator. Of other daemons: the account's own signer. */
  readonly signer: LedgerSigner;
  readonly account: Uint8Array;
  /** Links under its certificate. */
  readonly links: LinkPool;
  /** Seed of a validator's random function. */
  readonly vrfSeed: () => Uint8Array;
}

/**
 * The demo's running network, with the means of an adversary: money, its own daemons, and the public addresses of all
 * others.
 */
export interface LiveNetwork {
  readonly modelId: string;
  readonly modelRoot: Uint8Array;
  readonly ledger: LedgerDomain;
  /** The knowledge of a consumer about this network. */
  readonly trust: Trust;
  readonly chain: ChainClient;
  readonly router: AttackedDoor;
  readonly providerIds: readonly Uint8Array[];
  /** Names of the validators that are nobody's but their own. */
  honestValidators(): readonly string[];
  restartRouter(): Promise<void>;
  /** Calls of a stranger. */
  readonly links: LinkPool;
  member(name: string): MeshMember;
  /** Account of a daemon. */
  addressOf(name: string): Uint8Array;
  peer(name: string): Peer & { readonly endpoint: { readonly host: string; readonly port: number } };
  /** Asks as an honest consumer does. @returns id of the reply, hex; undefined if no answer with its receipt came. */
  ask(): Promise<string | undefined>;
  /** Sum of all claims on the escrow. */
  creditAtomic(): Promise<bigint>;
  latestBeacon(): Promise<EpochValue>;
  /** Waits until these replies are settled. @param replyIds hex. @returns their entries. */
  settle(replyIds: readonly string[]): Promise<readonly VerdictEntry[]>;
  openAccount(name: string, tokensAtomic?: bigint): Promise<LiveAccount>;
  own(name: string): Promise<OwnedDaemon>;
  /** Gives every daemon back to its honest program. */
  close(): Promise<void>;
}

/** Plays an attack on the running network of the demo. */
export type LivePlay = (network: LiveNetwork) => Promise<AttackCourse>;

export interface SoldModel {
  readonly id: string;
  readonly modelRoot: Uint8Array;
}

export async function openLiveNetwork(mesh: Mesh, { id, modelRoot }: SoldModel): Promise<LiveNetwork> {
  const { directory, rpcUrl, gatewayUrl } = mesh.plan;
  const connect = (privateKey?: `0x${string}`) =>
    createChainClient({ rpcUrl, deployment: mesh.deployment, pollIntervalMs: 50, ...(privateKey && { privateKey }) });
  const chain = await connect();
  const trust = await readTrust(chain, { mesh, models: { id, sold: { modelRoot } } });
  const { ledger } = trust;
  if (ledger === undefined) throw new Error('the network has no ledger');
  const members = listMembers(mesh, { cheat: 'none' });
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(new Uint8Array(randomBytes(32)))),
    dialPolicy: 'any',
  });
  const owned = new Map<string, OwnedDaemon>();
  const member = (name: string): MeshMember => {
    const found = mesh.members.find((one) => one.name === name);
    if (found === undefined) throw new Error(`the network has no ${name}`);
    return found;
  };
  const peer = (name: string) => {
    const port = mesh.plan.processes.find((process) => process.name === name)?.port ?? 0;
    return { endpoint: { host: '127.0.0.1', port }, certHash: member(name).identity.certHash };
  };
  const honestValidators = (): string[] =>
    mesh.members.flatMap(({ name, role }) => (role === 'validator' && !owned.has(name) ? [name] : []));
  let asked = 0;
  return {
    ...{ modelId: id, modelRoot, ledger, trust, chain, links, member, peer },
    router: peer('router'),
    providerIds: mesh.members.filter(({ role }) => role === 'provider').map(({ identity }) => identity.keyHash),
    addressOf: (name) => fromHex(member(name).identity.address.slice(2)),
    honestValidators,
    async restartRouter() {
      await mesh.kill('router', 'SIGKILL');
      await mesh.restart('router');
    },
    async ask() {
      return replyIdOf(await ask(planRequest(++asked, MAX_TOKENS), { gatewayUrl, model: id }));
    },
    async creditAtomic() {
      const { accounts } = await readBooks(chain, members);
      return accounts.reduce((sum, { creditAtomic }) => sum + creditAtomic, 0n);
    },
    async latestBeacon() {
      const [honest = ''] = honestValidators();
      const { certificate } = await links.to(ValidatorService, peer(honest)).getBeacon({ epoch: 0n });
      return readEpochValue(crypto, { chainId: ledger.chainId }, parseEpochCertificate(certificate));
    },
    async settle(replyIds) {
      const find = async () => {
        const { logs } = await readVerdictLogs(members, { chain, links, crypto });
        return logs.flatMap(({ entries }) => entries.filter(({ replyId }) => replyIds.includes(toHex(replyId))));
      };
      await waitUntil(async () => (await find()).length >= replyIds.length, PATIENCE_MS);
      return find();
    },
    async openAccount(name, tokensAtomic = 0n) {
      const keys = createOrLoadKeys(join(directory, 'adversary', name));
      const signer = createNodeLedgerSigner(keys.ledgerKey.reveal());
      const hybrid = createNodeHybridSigner(keys.hybridSeed.reveal());
      await setDevBalance(rpcUrl, signer.address, FEES);
      const governor = await connect((await loadMeshIdentity(directory, 'deployer')).privateKey);
      if (tokensAtomic > 0n) await governor.transfer(signer.address, tokensAtomic);
      const client = await connect(bytesToHex(keys.ledgerKey.reveal()));
      return { address: signer.address, signer, hybrid, client };
    },
    async own(name) {
      const known = owned.get(name);
      if (known) return known;
      await mesh.kill(name, 'SIGKILL');
      const keys = createOrLoadKeys(join(directory, name));
      const identity = createLinkIdentity(keys.linkSeed);
      const { signer, account } = await readVoice(directory, member(name), keys.ledgerKey.reveal());
      const daemon: OwnedDaemon = {
        ...{ endpoint: peer(name).endpoint, identity, signer, account },
        hybrid: createNodeHybridSigner(keys.hybridSeed.reveal()),
        links: createLinkPool({ identity, dialPolicy: 'any' }),
        vrfSeed: () => createOrLoadVrfSeed(join(directory, name)).reveal(),
      };
      owned.set(name, daemon);
      return daemon;
    },
    async close() {
      links.close();
      for (const [name, daemon] of owned) {
        daemon.links.close();
        await mesh.restart(name);
      }
    },
  };
}

/** Returns the signer of the account by which the network knows the daemon. */
async function readVoice(directory: string, { name, role }: MeshMember, ledgerKey: Uint8Array) {
  if (role !== 'validator') {
    const signer = createNodeLedgerSigner(ledgerKey);
    return { signer, account: signer.address };
  }
  const { address, signing } = await loadMeshValidator(directory, name);
  return { signer: signing, account: fromHex(address.slice(2)) };
}
