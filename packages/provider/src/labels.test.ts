import type { DescMessage } from '@bufbuild/protobuf';
import {
  type GenerateRequest,
  GenerateRequestSchema,
  type RunSegmentRequest,
  RunSegmentRequestSchema,
  type ScoreRequest,
  ScoreRequestSchema,
  type TraceClaimRequest,
  TraceClaimRequestSchema,
  type TraceReplyRequest,
  TraceReplyRequestSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  encodeBoundaryPass,
  type PassHead,
  parseBoundaryPass,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { expect, it } from 'vitest';

// Everything that a counterparty says about what is to be computed, and how. A field that is neither checked nor ignored could make an
// honest machine compute something else than it signs. A new field is an error of types until it stands here.

/**
 * `signed`: a hash that its author signs covers it, and the one who computes signs that hash. `checked`: compared with something signed,
 * or refused. `ignored`: changes no value. `limit`: bounds the time alone.
 */
type Kind = 'signed' | 'checked' | 'ignored' | 'limit';
type Fields<T> = { readonly [Name in Exclude<keyof T, '$typeName' | '$unknown'>]-?: readonly [Kind, why: string] };

const ORDER: Fields<GenerateRequest> = {
  order: ['signed', 'by its payer'],
  ticket: ['signed', 'by its router, and named by the order'],
  request: ['checked', "against the order's hash"],
  endpoint: ['checked', "against the order's hash"],
  cacheScope: ['ignored', 'a prefix cache holds the same values'],
  sealed: ['checked', "what it opens to, against the order's hash"],
  milestones: ['ignored', 'adds messages, and changes none'],
  beacon: ['signed', 'by the validators of its epoch'],
};

const JOB: Fields<ScoreRequest> = {
  jobId: ['signed', 'the commitment names it'],
  modelRoot: ['signed', 'in the inputs of the commitment, and of a model that runs here'],
  request: ['signed', 'its hash, in the inputs of the commitment'],
  endpoint: ['signed', 'in the inputs of the commitment'],
  header: ['signed', 'in the inputs of the commitment; the report states the class that ran'],
  sketchBankSeed: ['signed', 'in the inputs of the commitment'],
  timeoutMs: ['limit', 'the report does not depend on it'],
  validator: ['checked', 'a registered validator, whose signature of the round opens the report'],
  modality: ['signed', 'in the inputs of the commitment, and the one of the model'],
  claim: ['signed', 'in the inputs of the commitment'],
  blobs: ['checked', 'against the roots in the claim'],
  media: ['checked', 'against the hashes in the request'],
};

const CLAIM_TRACE: Fields<TraceClaimRequest> = {
  job: ['signed', 'the report of the trace has the hash of its inputs'],
  record: ['signed', 'by its provider, and the report names it'],
  position: ['signed', 'the report names it'],
};

const REPLY_TRACE: Fields<TraceReplyRequest> = {
  record: ['signed', 'by this provider itself'],
  request: ['checked', "against the order's hash"],
  endpoint: ['checked', "against the order's hash"],
  position: ['signed', 'the report names it'],
  timeoutMs: ['limit', 'the report does not depend on it'],
};

const SHARD_PASS: Fields<PassHead> = {
  turn: ['checked', 'the next one of its edge, under the signature of the sender'],
  kind: ['ignored', 'kernels follow the number of rows; the signature of the sender covers it'],
  position: ['checked', 'beside the rows that came, under the signature of the sender'],
  rows: ['checked', 'against the size of the payload, under the signature of the sender'],
};

const OWN_SEGMENT: Fields<RunSegmentRequest> = {
  lead: ['checked', 'of the leader that the operator pinned'],
  kind: ['ignored', 'kernels follow the number of rows'],
  groups: ['checked', 'against the state of each sequence'],
  input: ['checked', 'its size against the rows'],
};

it.each<[string, DescMessage, object]>([
  ['an order', GenerateRequestSchema, ORDER],
  ['a job of a verifier', ScoreRequestSchema, JOB],
  ['a trace of a claim', TraceClaimRequestSchema, CLAIM_TRACE],
  ['a trace of a reply', TraceReplyRequestSchema, REPLY_TRACE],
  ['a pass of an own segment', RunSegmentRequestSchema, OWN_SEGMENT],
])('each field of %s is signed, checked or ignored', (_, schema, fields) => {
  expect(Object.keys(fields).sort()).toEqual(schema.fields.map(({ localName }) => localName).sort());
});

it('each field of the head of a pass between shards is checked or ignored', () => {
  const head = { turn: 0, kind: 'step', position: 0, rows: 1 } as const;
  const pass = encodeBoundaryPass({ head, signature: new Uint8Array(64), payload: new Uint8Array(4) });
  expect(Object.keys(SHARD_PASS).sort()).toEqual(Object.keys(parseBoundaryPass(pass).head).sort());
});
