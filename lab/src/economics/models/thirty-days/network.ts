import { defaultLimits } from '@ogong/chain/deploy/deploy';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import { type NetworkVerifier, type NetworkVerifiers, type PlayedAudit, playAudit } from './play-audit.ts';
import type { ReplyKind } from './reports.ts';

/** The forger's own verifiers, each under a payee of its own. */
export interface League {
  readonly count: number;
  /** Whole tokens of each. */
  readonly tokens: number;
}

/** Inputs that a control changes. */
export interface VerifierSetting {
  /** Honest verifiers, each with so many whole tokens. */
  readonly honest: { readonly count: number; readonly tokens: number; readonly inClass: number };
  /** Whole tokens that a payee needs before its verifiers are drawn. */
  readonly leastTokens: number;
}

export const VERIFIER_SETTING: VerifierSetting = {
  honest: { count: 6, tokens: 100, inClass: 0 },
  leastTokens: Number(defaultLimits.minimumVerifierStake / ATOMIC_PER_TOKEN),
};

/** Share of jobs that an honest verifier does not answer. */
const SILENCE = 0.01;

function createVerifier(number: number, tokens: number, role: Omit<NetworkVerifier, 'candidate'>): NetworkVerifier {
  const name = new Uint8Array([role.isFriend ? 1 : 0, number]);
  const id = crypto.sha256(name);
  const payee = id.slice(0, 20);
  const numericClass = role.isInClass ? 'llama/cpu/x86/exact/f16/kv-f16' : 'llama/gpu/other/any/f16/kv-f16';
  const shared = { providerId: id, keyHash: id, payee, operator: crypto.sha256(payee), contextSize: 4_096 };
  return { ...role, candidate: { ...shared, numericClass, weight: 1n + BigInt(tokens) } };
}

function listVerifiers({ honest, leastTokens }: VerifierSetting, league: League): NetworkVerifiers {
  const create = (count: number, tokens: number, isFriend: boolean, inClass: number): NetworkVerifier[] =>
    Array.from({ length: tokens < leastTokens ? 0 : count }, (_, i) =>
      createVerifier(i, tokens, { isFriend, isInClass: i < inClass }),
    );
  const all = [
    ...create(honest.count, honest.tokens, false, honest.inClass),
    ...create(league.count, league.tokens, true, 0),
  ];
  return { all, silence: SILENCE };
}

/** A source of audit outcomes. */
export type Audits = (reply: { readonly kind: ReplyKind; readonly isShy: boolean }, pairPpm: number) => PlayedAudit;

/** Pools of played audits, which all worlds with the same verifiers share. */
const pools = new Map<string, PlayedAudit[]>();

/**
 * Creates a source of audit outcomes. An outcome depends on the reply, on the share of pairs and on the list of verifiers, and on
 * nothing that a key did before. So a pool of played audits stands for all audits of its kind, and a life draws from the pool.
 */
export function createAudits(
  setting: VerifierSetting,
  league: League,
  { size, seed }: { readonly size: number; readonly seed: number },
): Audits {
  const verifiers = listVerifiers(setting, league);
  const network = JSON.stringify([setting, league, size, seed]);
  const pickFrom = createSeededRandom(seed);
  return (reply, pairPpm) => {
    const name = `${network} ${reply.kind} ${reply.isShy} ${pairPpm}`;
    let pool = pools.get(name);
    if (pool === undefined) {
      const random = createSeededRandom(seed + 1);
      pool = Array.from({ length: size }, () => playAudit(verifiers, reply, { pairPpm, random }));
      pools.set(name, pool);
    }
    return pool[Math.floor(pickFrom() * pool.length)] as PlayedAudit;
  };
}
