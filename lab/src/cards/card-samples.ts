import type { MachineReport } from '@ogong/engine/llama-cpp/device/inspect-machine';
import { HONEST } from '@ogong/provider/calibration/source-id';
import type { Experiment } from '../detection/plan/experiments.ts';
import type { SoldWeights } from '../detection/plan/profiles.ts';
import type { DetectionSetupName } from '../detection/plan/setups.ts';

/** Two windows. */
export const CARD_TOKENS = 64;

type CardPair = readonly [provider: DetectionSetupName, verifier: DetectionSetupName];

/** Pairs with honest replies and cheats. The processor's cheats change values alone; the card's run as it does. */
export const CARD_PAIRS: readonly CardPair[] = [
  ['cpu-exact', 'card-vulkan'],
  ['cpu-exact', 'card-cuda'],
  ['card-vulkan', 'cpu-exact'],
  ['card-cuda', 'cpu-exact'],
  ['card-vulkan', 'card-cuda'],
  ['card-cuda', 'card-vulkan'],
];
/** Honest replies alone: the same class, and the software device. */
const ALIKE: readonly CardPair[] = [
  ['card-vulkan', 'card-vulkan'],
  ['card-cuda', 'card-cuda'],
  ['card-vulkan', 'vulkan'],
];

/** The smallest changes first. */
const CHEATS: Readonly<Record<SoldWeights, readonly string[]>> = {
  f16: [
    ...['weights-noise-1e-3', 'weights-fine-tune-1e-3', 'weights-q8-0'],
    ...['weights-q4-k-m', 'weights-pruned-depth'],
  ],
  q8_0: ['weights-noise-1e-2', 'weights-q5-k-m', 'weights-q4-k-m', 'weights-pruned-depth'],
};
/** Of those: what a card serves. */
const ON_CARD: Readonly<Record<SoldWeights, readonly string[]>> = { f16: ['weights-q8-0'], q8_0: [] };

export interface CardCounts {
  readonly honest: number;
  readonly alike: number;
  readonly cheat: number;
  readonly software: number;
}

export function listCardExperiments(counts: CardCounts): Experiment[] {
  return (['f16', 'q8_0'] as const).flatMap((weights) => {
    const of = (source: string, [provider, verifier]: CardPair, replies: number): Experiment => ({
      ...{ weights, source, provider, verifier, replies },
      maxTokens: CARD_TOKENS,
    });
    return [
      ...CARD_PAIRS.map((pair) => of(HONEST, pair, counts.honest)),
      ...ALIKE.map((pair) => of(HONEST, pair, pair[1] === 'vulkan' ? counts.software : counts.alike)),
      ...CARD_PAIRS.flatMap((pair) =>
        (pair[0] === 'cpu-exact' ? CHEATS : ON_CARD)[weights].map((name) => of(name, pair, counts.cheat)),
      ),
    ];
  });
}

/** The setups of the back ends that this machine has. The software device has the name that it has in docs/detection. */
export function listSetupsHere({ choice, vulkanDevices }: MachineReport): ReadonlySet<DetectionSetupName> {
  const isUsable = (name: string): boolean =>
    choice.backends.some(({ backend, isUsable }) => backend === name && isUsable);
  const isSoftware = vulkanDevices[0]?.kind === 'software';
  return new Set<DetectionSetupName>([
    'cpu-exact',
    ...(isUsable('vulkan') ? [isSoftware ? ('vulkan' as const) : ('card-vulkan' as const)] : []),
    ...(isUsable('cuda') ? ['card-cuda' as const] : []),
  ]);
}
