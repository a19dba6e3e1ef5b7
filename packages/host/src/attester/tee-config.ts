import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { toHex } from '@ogong/protocol/base/bytes';
import { ConfigError } from '../config/config-error.ts';
import { oneOf, text } from '../config/values.ts';
import { createOrLoadAttesterSeed } from '../crypto/key-files.ts';
import { explainFile } from '../log/errors.ts';
import { VERSION } from '../version.ts';
import type { Attester } from './attester.ts';
import { createConfigfsAttester } from './configfs-attester.ts';
import { createDstackAttester } from './dstack-attester.ts';
import { createCommandGpu, createSoftwareGpu, withGpu } from './gpu-attester.ts';
import { createSoftwareAttester } from './software-attester.ts';

/** The settings of one role. @param purpose purpose of the evidence, for `--help`. */
export const createTeeFields = (role: 'PROVIDER' | 'ROUTER' | 'VALIDATOR', purpose: string) =>
  ({
    tee: {
      schema: oneOf(['software', 'dstack', 'configfs-tsm']),
      env: `OGONG_${role}_TEE`,
      description: `source of evidence about this machine, ${purpose}: the guest agent of dstack, Linux (configfs-tsm), or software. Software proves nothing, and no production policy accepts it`,
    },
    teeSocket: {
      schema: text,
      label: '<path>',
      env: `OGONG_${role}_TEE_SOCKET`,
      default: '/var/run/dstack.sock',
      description: 'socket of the guest agent, of --tee dstack',
    },
    teeFolder: {
      schema: text,
      label: '<path>',
      env: `OGONG_${role}_TEE_FOLDER`,
      default: '/sys/kernel/config/tsm/report',
      description: 'where Linux makes reports, of --tee configfs-tsm',
    },
    teeGpu: {
      schema: text,
      label: '<program|software>',
      env: `OGONG_${role}_TEE_GPU`,
      description:
        'program that prints the answer of the GPU to its argument, a nonce in hex (docs/spec/tee-tier.md#gpu). With --tee software, "software" stands for a GPU that proves nothing',
    },
    teeEndorsements: {
      schema: text,
      label: '<file>',
      env: `OGONG_${role}_TEE_ENDORSEMENTS`,
      description:
        "JSON of the vendor about this machine, read again for each report: Intel's collateral, or AMD's certificates as chain",
    },
  }) as const;

/** Fields of daemons that serve models. */
export const teeFields = createTeeFields('PROVIDER', 'for models of tier tee');

export interface TeeSettings {
  readonly tee: Attester['kind'] | undefined;
  readonly teeSocket: string;
  readonly teeFolder: string;
  readonly teeGpu?: string | undefined;
  readonly teeEndorsements: string | undefined;
  readonly dataDir: string;
}

/** The program that a software attester of this version claims to run. */
const SOFTWARE_PROGRAM = `ogong ${VERSION}`;

/** Opens the attester of this machine; undefined if none is configured. @throws ConfigError, KeyFileError */
export function openAttester(command: string, settings: TeeSettings): Attester | undefined {
  const { tee, teeSocket: socket, teeFolder: folder, teeEndorsements: path, dataDir, teeGpu } = settings;
  if (teeGpu !== undefined && (tee === undefined || (tee === 'software') !== (teeGpu === 'software')))
    throw new ConfigError(command, ['--tee-gpu software is for --tee software, and a program for the others']);
  if (tee === undefined) return undefined;
  if (tee === 'software') {
    const seed = createOrLoadAttesterSeed(dataDir).reveal();
    const device = teeGpu === undefined ? undefined : createSoftwareGpu(deriveGpuSeed(seed));
    return createSoftwareAttester(seed, SOFTWARE_PROGRAM, device);
  }
  if (path === undefined || !existsSync(path))
    throw new ConfigError(command, [
      `--tee ${tee} needs --tee-endorsements: the vendor's statements about this machine`,
    ]);
  const endorsements = (): unknown => {
    try {
      return JSON.parse(readFileSync(path, 'utf8'));
    } catch (error) {
      throw new ConfigError(command, [`--tee-endorsements ${path}: ${explainFile(error)}`]);
    }
  };
  const cpu =
    tee === 'dstack'
      ? createDstackAttester({ socket, collateral: endorsements })
      : createConfigfsAttester({ folder, endorsements });
  return teeGpu === undefined ? cpu : withGpu(cpu, createCommandGpu(teeGpu));
}

/** The one key of a machine in software makes both. */
const deriveGpuSeed = (seed: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update('ogong-software-gpu-seed\n').update(seed).digest());

/** Returns the values that a policy must name to accept this software attester; nothing for hardware. */
export function describeAttester(attester: Attester): Readonly<Record<string, string>> {
  if (attester.kind !== 'software') return { tee: attester.kind };
  const { publicKey, image, gpuKey } = attester as ReturnType<typeof createSoftwareAttester>;
  const gpu = gpuKey && { softwareGpuKey: toHex(gpuKey) };
  return { tee: attester.kind, softwareKey: toHex(publicKey), image: toHex(image), ...gpu };
}
