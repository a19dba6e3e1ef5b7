import { EngineError } from '@ogong/engine/interface/engine-error';
import { explainDeviceAbsence } from '@ogong/engine/llama-cpp/device/gpu-build';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { ConfigError } from '@ogong/host/config/config-error';
import type { CalibrationModel } from '@ogong/provider/calibration/model-file';
import { DEFAULT_VERIFIERS, type EngineSetup, findSetup, SETUPS } from '@ogong/provider/calibration/setups';

/** The requested pair: the checking side is a setup here, or the peer. */
export interface AskedPair {
  readonly provider: EngineSetup;
  readonly verifier: EngineSetup | typeof PEER;
}

/** Name of the checking side of a pair if it is the verifier behind `--peer`. */
export const PEER = 'peer';

/** The setups that are measured if no pair is named. */
export const MEASURED: readonly EngineSetup[] = SETUPS.filter(({ isOnRequest }) => !isOnRequest);

const names = (): string => SETUPS.map(({ name }) => name).join(', ');

/**
 * @returns undefined if none is named.
 * @throws ConfigError naming every pair that is none, or that this machine has no device for: before a build is fetched.
 */
export function parsePairs(
  texts: readonly string[],
  {
    command,
    hasPeer,
    explainNoDevice = explainDeviceAbsence,
  }: { readonly command: string; readonly hasPeer: boolean; readonly explainNoDevice?: () => string | undefined },
): readonly AskedPair[] | undefined {
  if (texts.length === 0) return undefined;
  const problems: string[] = [];
  const pairs = texts.flatMap((text): AskedPair[] => {
    const [first = '', second = '', ...rest] = text.split(':');
    const provider = findSetup(first);
    const verifier = second === PEER ? (hasPeer ? PEER : undefined) : findSetup(second);
    if (provider && verifier && rest.length === 0) {
      const sides: readonly AskedPair['verifier'][] = [provider, verifier];
      const usesDevice = sides.some((side) => side !== PEER && side.settings.backend === 'vulkan');
      const absence = usesDevice ? explainNoDevice() : undefined;
      if (absence === undefined) return [{ provider, verifier }];
      problems.push(`--pair: "${text}" cannot run here: ${absence}`);
      return [];
    }
    problems.push(
      second === PEER && !hasPeer
        ? `--pair: "${text}" needs --peer`
        : `--pair: "${text}" does not fit, expected two of ${names()}${hasPeer ? ', or peer as the second' : ''}`,
    );
    return [];
  });
  if (problems.length > 0) throw new ConfigError(command, problems);
  return pairs;
}

/**
 * Lists every setup of this machine but those on request, checked by the peer, or by the usual setups. Opens each once, since there is no
 * other way to find out.
 */
export async function listRunnablePairs(
  { path: modelPath, modelRoot, hashes }: CalibrationModel,
  given: {
    readonly contextSize: number;
    readonly hasPeer: boolean;
    readonly say: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<readonly AskedPair[]> {
  const { contextSize, hasPeer, say, signal } = given;
  const runnable: EngineSetup[] = [];
  for (const setup of MEASURED) {
    signal.throwIfAborted();
    try {
      const engine = await createLlamaEngine({
        ...{ modelPath, modelRoot, contextSize, ...setup.settings, sequences: 1 },
        ...(hashes && { hashes }),
      });
      const { numericClass } = engine.info();
      await engine.close();
      runnable.push(setup);
      say(`${setup.name}: ${numericClass}\n`);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      say(`${setup.name}: not on this machine, ${error.message}\n`);
    }
  }
  const verifiers = hasPeer ? ([PEER] as const) : runnable.filter(({ name }) => DEFAULT_VERIFIERS.includes(name));
  return runnable.flatMap((provider) => verifiers.map((verifier) => ({ provider, verifier })));
}
