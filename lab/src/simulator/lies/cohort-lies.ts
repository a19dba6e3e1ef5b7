import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import type { Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import { CloseShardAnswerSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  encodeBoundaryRoot,
  parseBoundaryRoot,
  signBoundaryRoot,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import { type Attack, disguiseEngine } from '../../attackers/attack.ts';
import { type CohortAttack, disguiseSegment } from '../../attackers/cohort/attack.ts';
import { COHORT_ATTACKS } from '../../attackers/cohort/catalogue.ts';
import { createWholeEngine, openSimulatedSegment } from '../roles/cohorts.ts';
import { CONTEXT_SIZE, MODEL_ID, type ProviderPlace } from '../roles/serving.ts';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';
import { flipBit } from './flip-bit.ts';
import { slabOf } from './lie-names.ts';

/** Per 1,000 tokens of a whole model. It costs far more than a cohort, so most orders go to cohorts. */
const WHOLE_PRICE = 20_000_000n;

/** A shard that blames its neighbour refuses one pass in so many. */
const BLAMES_EVERY = 30;

/** Returns the attack of a lying member of cohorts; undefined if it lies on its wire alone. */
function findMemberAttack(how: string | undefined): CohortAttack | undefined {
  if (how === 'swap-without-root') return findMemberAttack('swap-segment');
  const attack = COHORT_ATTACKS.find(({ name }) => name === how);
  return how === 'blame-neighbour' && attack ? { ...attack, bendSegment: refuseRows } : attack;
}

/** Refuses right rows as if they were not signed. */
function refuseRows(segment: SegmentEngine): SegmentEngine {
  let passes = 0;
  return disguiseSegment(segment, {
    async run(pass) {
      passes++;
      if (passes % BLAMES_EVERY === 0)
        throw new Refusal('invalid', 'the pass is refused, signature: not by its sender');
      return await segment.run(pass);
    },
  });
}

/** Opens the slab of a provider, or the whole model. */
export function openCohortPart(
  { network }: Pick<World, 'network'>,
  { index, providers }: { readonly index: number; readonly providers: number },
  how: string | undefined,
): ProviderPlace['sold'] {
  const slab = slabOf(index, providers);
  if (slab === undefined) return { engine: createWholeEngine(CONTEXT_SIZE), priceAtomic: WHOLE_PRICE };
  const attack = findMemberAttack(how);
  const segments = openSimulatedSegment(slab, { modelId: MODEL_ID, contextSize: CONTEXT_SIZE, attack });
  const [shard] = segments.shards;
  const { bendRoot } = attack ?? {};
  if (bendRoot !== undefined && shard !== undefined)
    network.answers.set(`provider-${index}`, ({ method, bytes }) =>
      CLOSING.test(method) ? signOtherRoot(bytes, bendRoot, shard.session) : bytes,
    );
  return { segments };
}

const CLOSING = /ShardService\/Close$/;

/** Replaces the root that a shard gives its leader by another one with its signature. */
function signOtherRoot(
  bytes: Uint8Array,
  bendRoot: NonNullable<CohortAttack['bendRoot']>,
  session: Ed25519Signer,
): Uint8Array {
  const answer = fromBinary(CloseShardAnswerSchema, bytes);
  // It has no root of an order without rows.
  if (answer.root.length === 0) return bytes;
  const own = parseBoundaryRoot(answer.root);
  const root = encodeBoundaryRoot(signBoundaryRoot(session, { ...own, ...bendRoot(own) }));
  return toBinary(CloseShardAnswerSchema, { ...answer, root });
}

/** Creates the parts of a lying leader's replies. */
export function createLeaderAttack(how: string | undefined): Pick<Attack, 'bendReply'> | undefined {
  const bendListed = findMemberAttack(how)?.bendListed;
  if (bendListed === undefined) return undefined;
  return {
    bendReply: (draft) => ({
      ...draft,
      header: { ...draft.header, boundaries: [...bendListed(draft.header.boundaries)] },
    }),
  };
}

/** Creates the engine of a verifier with the whole model. `frames` scores every reply with other weights. */
export function createCohortVerifier(how: string | undefined): TextEngine {
  const honest = createWholeEngine(CONTEXT_SIZE);
  if (how !== 'frames') return honest;
  const other = createWholeEngine(CONTEXT_SIZE, 2);
  return disguiseEngine(honest, { score: (request, options) => other.score(request, options) });
}

/** Lies that members of cohorts tell on their own wire. */
export function plantMemberLie(world: World, name: string, how: string): void {
  const { network } = world;
  if (how === 'silent-shard') network.hears.set(name, ({ method }) => !method.endsWith('/RunPass'));
  if (how === 'swap-without-root') network.hears.set(name, ({ method }) => !CLOSING.test(method));
  if (how !== 'garbles-roots') return;
  const draws = createDraws(world.seed ^ 0x726f6f74);
  network.answers.set(name, ({ method, bytes }) => (CLOSING.test(method) ? flipBit(bytes, draws) : bytes));
}
