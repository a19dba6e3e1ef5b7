import type { TextEngine } from '@ogong/engine/interface/text';
import { readVisionExamples, type VisionExample } from '@ogong/testing/models/vision-folder';
import type { VisionAttack } from '../../attackers/vision/attack.ts';
import { VISION_ATTACKS } from '../../attackers/vision/catalogue.ts';
import { openVisionEngines, type VisionEngines } from '../../attackers/vision/engines.ts';
import { HONEST_VISION, playVision, type VisionAudit, type VisionTrial } from '../../attackers/vision/trial.ts';
import { listDistinct, spread } from '../spread.ts';
import type { AttackVision, EncoderBuild, HonestVision, RefusedReplies, VisionAudits, VisionRun } from './results.ts';

export interface VisionMeasureOptions {
  /** Replies of each attack. */
  readonly replies: number;
  readonly honestReplies: number;
  readonly onProgress: (done: string) => void;
}

type Play = Parameters<typeof playVision>[0];

/** Builds of the verifiers' encoders, in the order of a trial's audits. */
const BUILDS: readonly EncoderBuild[] = ['native', 'WebAssembly'];

/** Plays honest providers and all attackers. */
export async function measureVision({
  replies,
  honestReplies,
  onProgress,
}: VisionMeasureOptions): Promise<Pick<VisionRun, 'honest' | 'attacks'>> {
  const engines = await openVisionEngines();
  try {
    const honest: HonestVision[] = [];
    for (const [provider, sold] of [
      ['native', engines.means.sold],
      ['WebAssembly', engines.verifiers.wasm],
    ] as const)
      honest.push(summariseHonest(provider, await playAll(engines, HONEST_VISION, { sold, replies: honestReplies })));
    onProgress('honest providers');
    const attacks: AttackVision[] = [];
    for (const attack of VISION_ATTACKS) {
      const trials = await playAll(engines, attack, { sold: engines.means.sold, replies });
      attacks.push(summariseAttack(attack, trials));
      onProgress(attack.name);
    }
    return { honest, attacks };
  } finally {
    await engines.close();
  }
}

const examples = readVisionExamples();
const exampleOf = (number: number): VisionExample => examples[number % examples.length] as VisionExample;

async function playAll(
  { means, verifiers: { native, wasm } }: VisionEngines,
  play: Play,
  { sold, replies }: { readonly sold: TextEngine; readonly replies: number },
): Promise<readonly VisionTrial[]> {
  const trials: VisionTrial[] = [];
  for (let number = 0; number < replies; number++) {
    const [asked, second, earlier] = [0, 1, 2].map((offset) => exampleOf(number + offset)) as [
      VisionExample,
      VisionExample,
      VisionExample,
    ];
    const files = [asked.file, second.file, earlier.file] as const;
    const options = { means: { ...means, sold }, verifiers: [native, wasm], number, question: asked.question, files };
    trials.push(await playVision(play, options));
  }
  return trials;
}

function summariseHonest(provider: EncoderBuild, trials: readonly VisionTrial[]): HonestVision {
  const audits = summariseAudits(trials) as HonestVision['audits'];
  return {
    ...{ provider, replies: trials.length, audits },
    right: trials.filter(({ text }, number) => text.trim() === exampleOf(number).answer).length,
    refused: trials.filter(({ gateway, validator }) => gateway.length + validator.length > 0).length,
  };
}

const summariseAttack = ({ name, aim }: VisionAttack, trials: readonly VisionTrial[]): AttackVision => ({
  ...{ name, aim, replies: trials.length },
  gateway: summariseRefused(trials.map(({ gateway }) => gateway)),
  validator: summariseRefused(trials.map(({ validator }) => validator)),
  audits: summariseAudits(trials),
});

const summariseRefused = (found: readonly (readonly string[])[]): RefusedReplies => ({
  replies: found.filter(({ length }) => length > 0).length,
  by: listDistinct(found.flat()),
});

const summariseAudits = (trials: readonly VisionTrial[]): AttackVision['audits'] =>
  Object.fromEntries(
    BUILDS.flatMap((build, i) => {
      const audits = trials.flatMap((trial) => trial.audits[i] ?? []);
      return audits.length > 0 ? [[build, summarise(audits)]] : [];
    }),
  );

const summarise = (audits: readonly VisionAudit[]): VisionAudits => ({
  audits: audits.length,
  rejected: audits.filter(({ outcome }) => outcome === 'reject').length,
  inconclusive: audits.filter(({ outcome }) => outcome === 'inconclusive').length,
  by: listDistinct(audits.flatMap(({ failed }) => failed)),
  distances: spread(audits.flatMap(({ distance }) => distance ?? [])),
});
