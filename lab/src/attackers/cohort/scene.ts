import type { ChainPass, SegmentEngine, UpstreamRows } from '@ogong/engine/interface/segment';
import type { TextGenerationRequest } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import { hashBlind } from '@ogong/protocol/commitment/blinds';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import { createPassReceiver, createPassSender, MAX_TURNS } from '@ogong/protocol/modality/text/boundary/boundary-pass';
import {
  type BoundaryRoot,
  commitBoundary,
  signBoundaryRoot,
  signRootReceipt,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { BoundaryRows } from '@ogong/protocol/modality/text/boundary/boundary-rows';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { type CohortSignature, type CohortTerms, signCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { type ComplianceReply, collectReply, SKETCH } from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createLayeredSegment } from '@ogong/testing/engine/fake-layered-segment';
import type { CohortAttack } from './attack.ts';

export const EDGES = [0, 2, 4, 6];
const LAYERS = 6;
export const MODEL = { weights: 1, layers: LAYERS, embeddingSize: 32, vocabularySize: 320 };
export const LEADER = EDGES.length - 2;
const SHAPE = { contextSize: 256, sequences: 9, passRows: 64 };
const LIMITS = { maxPositions: SHAPE.contextSize, maxRows: SHAPE.passRows, maxTurns: MAX_TURNS };
const fill = (value: number): Uint8Array => new Uint8Array(32).fill(value);
export const ORDER_HASH = fill(2);
export const BLIND = fill(3);
export const MANIFEST_HASH = fill(4);
export const content = createRowContent(MODEL.embeddingSize);
const tokenContent = createTokenContent(MODEL.vocabularySize);
export const bank = createSketchBank(crypto, { ...SKETCH, embeddingSize: MODEL.embeddingSize });
export const sessions = [0, 1, 2].map((place) => createNobleEd25519Signer(fill(0x50 + place)));
const signers = [0, 1, 2].map((place) => createNodeHybridSigner(new Uint8Array(64).fill(0x40 + place)));

/** One edge of a reply: the rows of the sender's root, the rows that came, and the sender's root for the leader and for itself. */
export interface PlayedEdge {
  /** An honest sender's root is about the rows that went out. */
  readonly sent: BoundaryRows;
  readonly received: BoundaryRows;
  readonly root: BoundaryRoot;
  /** The root that the sender complains with if the header lacks it. */
  readonly own: BoundaryRoot;
  /** Signed by the leader for the root that it got. */
  readonly receipt: Uint8Array;
}

/** A reply of two shards and their leader, as its parties hold it. */
export interface PlayedReply {
  readonly edges: readonly PlayedEdge[];
  /** Place of the sender whose rows did not come. */
  readonly silent: number | undefined;
  /** Roots of the header. */
  readonly listed: readonly (BoundaryRoot | undefined)[];
  /** The reply with its tokens; undefined if its rows did not come. */
  readonly reply: ComplianceReply | undefined;
  readonly terms: CohortTerms;
  /** The leader's signature of the terms. */
  readonly signature: CohortSignature;
}

const openLayers = (from: number, to: number, weights: number = MODEL.weights): SegmentEngine =>
  createLayeredSegment({ ...MODEL, ...SHAPE, weights, from, to });

function openSegment(place: number, attack: CohortAttack | undefined): SegmentEngine {
  const [from, to] = [EDGES[place] as number, EDGES[place + 1] as number];
  const segment = openLayers(from, to);
  const forge = { openOther: () => openLayers(from, to, 2), openShort: () => openLayers(from, to - 1) };
  return attack?.bendSegment?.(segment, forge) ?? segment;
}

/** Plays one reply of a cohort. @param at place of the attacker. */
export async function playReply(
  request: TextGenerationRequest,
  { attack, at }: { readonly attack?: CohortAttack; readonly at?: number } = {},
): Promise<PlayedReply> {
  const attackOf = (place: number): CohortAttack | undefined => (place === at ? attack : undefined);
  const edge = { orderHash: ORDER_HASH, blind: BLIND };
  const keyOf = (place: number): Uint8Array => (sessions[place] as (typeof sessions)[number]).publicKey;
  const tokenEdge = { ...edge, place: LEADER, content: tokenContent };
  const tokensOut = createPassSender(crypto, tokenEdge, {
    ...{ maxPositions: SHAPE.contextSize, signer: sessions[LEADER] as (typeof sessions)[number] },
  });
  const tokensIn = createPassReceiver(crypto, tokenEdge, { ...LIMITS, senderKey: keyOf(LEADER) });
  const openSender = (place: number) =>
    createPassSender(
      crypto,
      { ...edge, place, content },
      { maxPositions: SHAPE.contextSize, signer: sessions[place] as (typeof sessions)[number] },
    );
  const shards = [0, 1].map((place) => ({
    segment: openSegment(place, attackOf(place)),
    sent: openSender(place),
    /** The rows that its root is about. */
    rooted: openSender(place),
    received: createPassReceiver(crypto, { ...edge, place, content }, { ...LIMITS, senderKey: keyOf(place) }),
  }));
  let silent: number | undefined;

  async function runShard(place: number, { kind, groups }: ChainPass, input: Uint32Array | Float32Array) {
    const { segment, sent, rooted, received } = shards[place] as (typeof shards)[number];
    const attacker = attackOf(place);
    if (attacker?.isSilent) {
      silent = place;
      throw new Error(`shard ${place} does not answer`);
    }
    const [group] = groups as [(typeof groups)[number]];
    if (sent.kept.positions > group.position) await segment.drop(group.sequence, group.position);
    const used = input instanceof Float32Array ? (attacker?.bendInput?.(input) ?? input) : input;
    const output = await segment.run({ kind, groups, input: used });
    if (output.kind !== 'rows') throw new Error('a shard has no logits');
    rooted.send(kind, group.position, output.rows);
    const rows = attacker?.bendSent?.(output.rows) ?? output.rows;
    const result = received.accept(sent.send(kind, group.position, rows));
    if (!result.ok) throw new Error(`rows of shard ${place} are refused: ${result.detail}`);
    return result.values;
  }

  let sequence = 0;
  /** Repeats the last row that has to stand if rows of guesses stand behind it, as a leader does at the end of a reply. */
  async function dropBehind({ promptTokens, outputTokens }: ComplianceReply): Promise<void> {
    const positions = promptTokens.length + outputTokens.length - 1;
    if (tokensOut.kept.positions <= positions) return;
    const tokens = Uint32Array.of([...promptTokens, ...outputTokens][positions - 1] as number);
    await before.run({ kind: 'step', groups: [{ sequence, position: positions - 1, rows: 1 }], tokens });
  }

  const before: UpstreamRows = {
    async run(asked) {
      const pass = { ...asked, kind: attackOf(LEADER)?.bendKind?.(asked.kind) ?? asked.kind };
      sequence = (pass.groups[0] as (typeof pass.groups)[number]).sequence;
      const { position } = pass.groups[0] as (typeof pass.groups)[number];
      const tokens = attackOf(LEADER)?.bendTokens?.(pass.tokens, position) ?? pass.tokens;
      const result = tokensIn.accept(tokensOut.send(pass.kind, position, tokens));
      if (!result.ok) throw new Error(`tokens are refused: ${result.detail}`);
      return await runShard(1, pass, await runShard(0, pass, result.values));
    },
    drop: async () => undefined,
  };
  const chain = { last: openLayers(EDGES[LEADER] as number, LAYERS), before };
  const engine = createFakeEngine({ ...MODEL, chain, drafts: 3, prefixCache: false });
  const reply = await collectReply(engine.generate(request)).catch((error: unknown) => {
    if (silent === undefined) throw error;
    return undefined;
  });
  if (reply !== undefined) await dropBehind(reply);
  const edges =
    silent === undefined
      ? shards.map((shard, place) =>
          closeEdge(
            place,
            { ...shard, sent: shard.rooted, came: shards[place - 1]?.received ?? tokensIn },
            attackOf(place),
          ),
        )
      : [];
  const confirmed = edges.map(({ root, received }, place) =>
    attackOf(place)?.hasLeader || equalBytes(commitBoundary(crypto, received, { blind: BLIND, bank }).root, root.root)
      ? root
      : undefined,
  );
  const terms: CohortTerms = {
    ...{ chainId: 1n, escrow: new Uint8Array(20), orderHash: ORDER_HASH, modelRoot: fill(6) },
    ...{ leaderLink: fill(7), blindHash: hashBlind(crypto, BLIND) },
    manifestHash: attackOf(LEADER)?.bendManifest?.(MANIFEST_HASH) ?? MANIFEST_HASH,
    members: signers.map(({ publicKey }, place) => ({
      ...{ providerId: hashHybridKey(crypto, publicKey), payee: new Uint8Array(20).fill(place + 1) },
      ...{ firstLayer: EDGES[place] as number, layers: 2, pricePer1kAtomic: 1n },
      ...{ numericClass: engine.info().numericClass, sessionKey: keyOf(place) },
    })),
  };
  return {
    ...{ edges, silent, terms, signature: signCohortTerms(signers[LEADER] as (typeof signers)[number], terms) },
    listed: attackOf(LEADER)?.bendListed?.(confirmed) ?? confirmed,
    reply,
  };
}

function closeEdge(
  place: number,
  shard: Readonly<Record<'sent' | 'received' | 'came', { readonly kept: BoundaryRows }>>,
  attack: CohortAttack | undefined,
): PlayedEdge {
  const [sent, received] = [shard.sent.kept, shard.received.kept];
  const { positions, turns, root } = commitBoundary(crypto, sent, { blind: BLIND, bank });
  const session = sessions[place] as (typeof sessions)[number];
  const input = computeBlobRoot(crypto, BLIND, concatBytes(...shard.came.kept.standing.map(({ bytes }) => bytes)));
  const own = signBoundaryRoot(session, { orderHash: ORDER_HASH, place, positions, turns, root, input });
  const bent = attack?.bendRoot === undefined ? own : signBoundaryRoot(session, { ...own, ...attack.bendRoot(own) });
  const receipt = signRootReceipt(crypto, sessions[LEADER] as (typeof sessions)[number], bent);
  return { sent, received, own, root: bent, receipt };
}
