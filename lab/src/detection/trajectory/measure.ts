import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Outcome } from '@ogong/protocol/base/checks';
import { compareDistanceKeys, getLargest } from '@ogong/protocol/modality/text/drift/distance-rows';
import type { DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import { findTrajectoryLimits } from '@ogong/protocol/modality/trajectory/measured-limits';
import { measurePictureDrift } from '@ogong/provider/modality/trajectory/measure-drift';
import { pathOfPictureModel, type TinyPictureModel } from '@ogong/testing/models/picture-folder';
import type { PictureAttack } from '../../attackers/trajectory/attack.ts';
import { PICTURE_ATTACKS } from '../../attackers/trajectory/catalogue.ts';
import { keepOwnClass, openPictureEngines, type PictureEngines } from '../../attackers/trajectory/engines.ts';
import {
  HONEST_PICTURE,
  type PictureAudit,
  type PictureTrial,
  type PictureTrialOptions,
  playPicture,
} from '../../attackers/trajectory/trial.ts';
import { listDistinct, spread } from '../spread.ts';
import type { AttackPictures, HonestPictures, PictureAudits, PictureModelResult } from './results.ts';

const SIZES = ['large', 'small'];
const COLOURS = ['red', 'green', 'blue', 'cyan', 'magenta', 'white'];
const SHAPES = ['circle', 'square', 'triangle', 'cross'];
const pick = (words: readonly string[], number: number): string => words[number % words.length] as string;

/** A prompt for each number: 48 of them in turn. */
const promptOf = (number: number): string =>
  `a ${pick(SIZES, number)} ${pick(COLOURS, number >> 1)} ${pick(SHAPES, Math.floor(number / 12))}`;

export interface PictureMeasureOptions {
  readonly steps: number;
  /** Replies of each attack. */
  readonly replies: number;
  readonly honestReplies: number;
  readonly onProgress: (done: string) => void;
}

type Play = Parameters<typeof playPicture>[0];
type Players = Pick<PictureTrialOptions, 'means' | 'verifiers' | 'table'>;

/** Pictures behind the limits of a drift table. */
const MEASURED_PICTURES = 50;

/** Measures the drift table of the native class seen by WebAssembly, and the reverse. */
async function measureLimits(
  { means: { sold }, verifiers: { wasm } }: PictureEngines,
  { steps }: PictureMeasureOptions,
): Promise<{ readonly table: DriftTable; readonly measured: PictureModelResult['measured'] }> {
  const options = {
    crypto,
    replies: MEASURED_PICTURES,
    steps,
    codeVersion: 'lab',
    signal: new AbortController().signal,
  };
  const row = await measurePictureDrift({ provider: sold, verifier: wasm }, options);
  const back = await measurePictureDrift({ provider: wasm, verifier: sold }, options);
  const distances = [row, back].sort(compareDistanceKeys);
  const table: DriftTable = { version: 1, previous: new Uint8Array(32), families: [], rows: [], distances };
  const choices = { width: 1, height: 1, guidanceQ16: 0 };
  const { output } = findTrajectoryLimits(table, row.modelRoot, {
    header: { numericClass: row.providerClass, choices },
    report: { numericClass: row.verifierClass },
  });
  const largest = getLargest(row, 'output') as number;
  return { table, measured: { pictures: row.replies, output: largest, ...output } };
}

/** Plays honest providers and all attackers on one model. */
export async function measurePictures(
  model: TinyPictureModel,
  options: PictureMeasureOptions,
): Promise<PictureModelResult> {
  const engines = await openPictureEngines(pathOfPictureModel(model));
  try {
    const { sampler } = engines.means.sold.info().scheduler;
    const { table, measured } = await measureLimits(engines, options);
    options.onProgress(`${model}: honest drift`);
    const honest = await measureHonest(engines, options, table);
    const attacks: AttackPictures[] = [];
    for (const attack of PICTURE_ATTACKS) {
      attacks.push(await measureAttack(engines, attack, options, table));
      options.onProgress(`${model}: ${attack.name}`);
    }
    return { name: model, sampler, measured, honest, attacks };
  } finally {
    await engines.close();
  }
}

/** A cheat in some steps is found by luck, so its share takes more replies. */
const PARTIAL_FACTOR = 5;

const playAll = async (play: Play, players: Players, { steps }: PictureMeasureOptions, replies: number) => {
  const trials: PictureTrial[] = [];
  for (let number = 0; number < replies; number++)
    trials.push(await playPicture(play, { ...players, number, prompt: promptOf(number), steps }));
  return trials;
};

async function measureHonest(
  { means, verifiers: { same, wasm } }: PictureEngines,
  options: PictureMeasureOptions,
  table: DriftTable,
): Promise<HonestPictures[]> {
  const [native, portable] = [keepOwnClass(same), keepOwnClass(wasm)];
  const nameOf = (engine: { info(): { readonly numericClass: string } }): string => engine.info().numericClass;
  const rows: HonestPictures[] = [];
  for (const { sold, checking } of [
    { sold: means.sold, checking: [same, portable] },
    { sold: wasm, checking: [native] },
  ]) {
    const players = { means: { ...means, sold }, verifiers: checking, table };
    for (const request of ['new', 'changed'] as const) {
      const play = request === 'new' ? HONEST_PICTURE : { ...HONEST_PICTURE, changes: 'masked' as const };
      const trials = await playAll(play, players, options, options.honestReplies);
      const refused = trials.filter((trial) => trial.refused.length > 0).length;
      for (const [i, verifier] of checking.entries()) {
        const audits = summarise(trials.flatMap((trial) => trial.audits[i] ?? [])) as PictureAudits;
        rows.push({ request, provider: nameOf(sold), verifier: nameOf(verifier), refused, audits });
      }
    }
  }
  return rows;
}

async function measureAttack(
  { means, verifiers: { same, wasm } }: PictureEngines,
  attack: PictureAttack,
  options: PictureMeasureOptions,
  table: DriftTable,
): Promise<AttackPictures> {
  const players = { means, verifiers: [same, keepOwnClass(wasm)], table };
  const { name, aim, isPartial = false } = attack;
  const replies = options.replies * (isPartial ? PARTIAL_FACTOR : 1);
  const trials = await playAll(attack, players, options, replies);
  return {
    ...{ name, aim, isPartial, replies: trials.length },
    refused: trials.filter(({ refused }) => refused.length > 0).length,
    refusedBy: listDistinct(trials.flatMap(({ refused }) => refused)),
    same: summarise(trials.flatMap(({ audits: [one] }) => one ?? [])),
    other: summarise(trials.flatMap(({ audits: [, one] }) => one ?? [])),
  };
}

/** @returns undefined without an audit. */
function summarise(audits: readonly PictureAudit[]): PictureAudits | undefined {
  if (audits.length === 0) return undefined;
  const count = (wanted: Outcome, by: 'outcome' | 'measured' = 'outcome'): number =>
    audits.filter((audit) => audit[by] === wanted).length;
  const distances = audits.flatMap((audit) => audit.distances ?? []);
  return {
    ...{ audits: audits.length, rejected: count('reject'), inconclusive: count('inconclusive') },
    byTable: { rejected: count('reject', 'measured'), inconclusive: count('inconclusive', 'measured') },
    by: listDistinct(audits.flatMap(({ failed }) => failed)),
    outputs: spread(distances.map(({ output }) => output)),
    pixels: spread(distances.map(({ pixels }) => pixels)),
  };
}
