import { readFileSync } from 'node:fs';
import { applyImageList, findListProblem, parseImageList } from '@ogong/attestation/image-list';
import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import type { ModelRegistryReads } from '@ogong/chain/registry/model-registry';
import { ConfigError } from '../config/config-error.ts';
import { text } from '../config/values.ts';
import { nodeCrypto as crypto } from '../crypto/node-crypto.ts';
import { explainFile } from '../log/errors.ts';
import { type Clock, monotonicClock } from '../time/clock.ts';
import { createRepeating, type Repeating } from '../time/repeat.ts';

/** Settings of a role that believes machines. */
export const createPolicyFields = (role: 'GATEWAY' | 'VALIDATOR') =>
  ({
    machinePolicy: {
      schema: text,
      label: '<file>',
      env: `OGONG_${role}_MACHINE_POLICY`,
      description:
        'JSON file of the machines of tier tee that this role accepts (docs/spec/tee-tier.md#policy); without it none is accepted',
    },
    machineImages: {
      schema: text,
      label: '<file>',
      env: `OGONG_${role}_MACHINE_IMAGES`,
      description:
        'the list of images that the policy names as imageList (docs/spec/machine-images.md): it counts while its hash is the one on the chain',
    },
  }) as const;

export interface MachinePolicyDependencies {
  readonly client: () => Promise<Pick<ModelRegistryReads, 'modelVersionAt' | 'now'>>;
  readonly clock?: Pick<Clock, 'nowMs'>;
  /** Interval of reads of the list in force. Default: 30,000. */
  readonly refreshMs?: number;
  /** Called whenever another list, or none, comes into force. */
  readonly onChange?: (problem: string | undefined) => void;
  readonly onError?: (error: unknown) => void;
}

/** A policy whose images follow the chain. */
export interface OpenedPolicy extends Repeating {
  /** Read it anew for each machine, because it changes. Undefined if the role accepts no machine. */
  readonly policy: MachinePolicy | undefined;
}

/** Time for which the last list counts while the chain cannot be read. */
const STALE_MS = 3_600_000;

/** @throws ConfigError, EvidenceError if a file is invalid. */
export function openMachinePolicy(
  program: string,
  {
    machinePolicy: path,
    machineImages,
  }: { readonly machinePolicy: string | undefined; readonly machineImages: string | undefined },
  { client, clock = monotonicClock, refreshMs = 30_000, onChange = () => {}, onError }: MachinePolicyDependencies,
): OpenedPolicy {
  const given = path === undefined ? undefined : parsePolicy(readBytes(program, path));
  const name = given?.imageList;
  if ((name === undefined) !== (machineImages === undefined))
    throw new ConfigError(program, ['--machine-images is for a policy with an imageList, which needs it']);
  if (given === undefined || name === undefined || machineImages === undefined)
    return { policy: given, ...createRepeating({ intervalMs: refreshMs }, async () => {}) };
  const bytes = readBytes(program, machineImages);
  const [list, hash] = [parseImageList(bytes), crypto.sha256(bytes)];
  const [maker = '', model = ''] = name.split('/');
  let taken = { untilMs: Number.NEGATIVE_INFINITY, problem: 'the chain was not read yet' as string | undefined };
  const current = () =>
    applyImageList(given, taken.problem === undefined && clock.nowMs() < taken.untilMs ? list : undefined);
  const following: MachinePolicy = {
    ...given,
    get images() {
      return current().images ?? [];
    },
  };
  const policy =
    list.boots === undefined
      ? following
      : Object.defineProperty(following, 'boots', { enumerable: true, get: () => current().boots ?? [] });
  const looking = createRepeating(
    { intervalMs: refreshMs },
    async () => {
      const chain = await client();
      const version = await chain.modelVersionAt({ maker, model }, await chain.now());
      const problem = findListProblem(name, { hash, inForce: version?.modelRoot });
      if (problem !== taken.problem) onChange(problem);
      taken = { untilMs: clock.nowMs() + STALE_MS, problem };
    },
    onError,
  );
  return { policy, ...looking };
}

function readBytes(program: string, path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new ConfigError(program, [`${path}: ${explainFile(error)}`]);
  }
}
