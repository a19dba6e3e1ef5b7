import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { findRunningMesh } from '@ogong/devnet/mesh/mesh-control';
import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import type { MeshState } from '@ogong/devnet/mesh/mesh-state';
import { isRunning } from '@ogong/devnet/mesh/process-identity';
import { chainFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { hostPort, integer, text } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { EXIT } from '@ogong/host/log/errors';
import { systemClock } from '@ogong/host/time/clock';
import { findMeshDirectory, meshDirField } from '../mesh/mesh-place.ts';
import { type Diagnosis, formatDiagnoses } from './diagnosis.ts';
import { seeCertificate } from './examine-certificates.ts';
import { examineChain } from './examine-chain.ts';
import { examineDisk, examineFiles, examineProgram } from './examine-machine.ts';
import { answers, examineEndpoint, examineNat, examinePort } from './examine-ports.ts';
import { examineStores } from './examine-stores.ts';

const config = defineConfig({
  name: 'ogong doctor',
  summary:
    'Checks the needs of a daemon: program, disk, files, versions of databases, clock, chain, contracts, certificates, validators,\n' +
    'ports and the address that it announces. Reports problems with advice. While a mesh of this machine runs, it checks that one, unless a deployment\n' +
    'is named. Exits with 0 if there is no problem, 1 if there is one.',
  fields: {
    deployment: { ...chainFields.deployment, required: false },
    rpcUrl: chainFields.rpcUrl,
    meshDir: meshDirField,
    dataDir: {
      schema: text,
      label: '<path>',
      repeatable: true,
      description: 'where daemons keep keys and databases; ~/.ogong if not given; may be repeated',
    },
    port: {
      schema: integer({ min: 1, max: 65_535 }),
      label: '<port>',
      repeatable: true,
      description: 'a port that a daemon is to listen on: is it free? may be repeated',
    },
    endpoint: { schema: hostPort, description: 'the address that a daemon announces to others' },
    json: { ...jsonField, description: 'print the findings as JSON' },
  },
  examples: [
    'ogong doctor',
    'ogong doctor --deployment deployment.json --port 4541 --endpoint provider.example.com:4541',
    'ogong doctor --json',
  ],
});

type Values = Extract<ReturnType<typeof config.parse>, { readonly values: unknown }>['values'];

/** Finds problems on this machine, besides models: `ogong-provider doctor` checks those. */
export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'problems that keep a daemon of this machine from working',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const findings = await examine(parsed.values);
    if (parsed.values.json) printJson(output, findings);
    else output.write(formatDiagnoses(findings));
    return findings.some(({ status }) => status === 'problem') ? 1 : EXIT.ok;
  },
};

async function examine(values: Values): Promise<readonly Diagnosis[]> {
  const directories = values.dataDir.length > 0 ? values.dataDir : [join(homedir(), '.ogong')];
  const machine = directories.flatMap((each) => [
    examineDisk(resolve(each)),
    examineFiles(resolve(each)),
    ...examineStores(resolve(each)),
  ]);
  const mesh = findMesh(findMeshDirectory(values.meshDir));
  const findings = [examineProgram(process.versions.node), ...machine, ...mesh.findings];
  const deployment = values.deployment ?? mesh.state?.deploymentFile;
  if (deployment === undefined) {
    const found = 'no deployment is named, and no mesh runs on this machine';
    findings.push({ about: 'chain', status: 'skipped', found, advice: 'name one with --deployment' });
  } else {
    const rpcUrl = values.rpcUrl ?? (values.deployment === undefined ? mesh.state?.rpcUrl : undefined);
    const place = readDeployment(config.definition.name, { deployment, rpcUrl });
    const dialPolicy = toDialPolicy(BigInt(place.deployment.chainId));
    findings.push(
      ...(await examineChain(place, {
        nowMs: systemClock.nowMs(),
        isThere: (at) => answers(at, dialPolicy),
        see: (peer) => seeCertificate(peer, dialPolicy),
      })),
    );
  }
  for (const port of values.port) findings.push(await examinePort(port));
  if (values.endpoint !== undefined) {
    findings.push(await examineNat(values.endpoint), await examineEndpoint(values.endpoint));
  }
  return findings;
}

/** The mesh that runs on this machine, and which of its daemons do not. */
function findMesh(directory: string): {
  readonly state?: MeshState | undefined;
  readonly findings: readonly Diagnosis[];
} {
  const about = 'mesh';
  try {
    const state = findRunningMesh(directory);
    if (state === undefined) return { findings: [] };
    const down = state.processes.filter(({ identity }) => identity === undefined || !isRunning(identity));
    const names = down.map(({ name }) => name).join(', ');
    if (down.length === 0) {
      return {
        state,
        findings: [{ about, status: 'ok', found: `${state.phase}: ${state.processes.length} daemons run` }],
      };
    }
    const advice = `it starts them again by itself; \`ogong mesh logs ${down[0]?.name}\` says why they ended`;
    return { state, findings: [{ about, status: 'problem', found: `${state.phase}: ${names} do not run`, advice }] };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { findings: [{ about, status: 'problem', found: error.message }] };
  }
}
