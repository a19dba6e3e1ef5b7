import { existsSync } from 'node:fs';
import type { NetworkParameters } from '@ogong/chain/client';
import { computeCreated } from '@ogong/chain/deploy/create-contracts';
import { assertRules, deployContracts, hashContracts } from '@ogong/chain/deploy/deploy-contracts';
import { nameEndpoint } from '@ogong/chain/endpoint';
import { computeAddress } from '@ogong/chain/keys';
import { describeAsset } from '@ogong/chain/money/describe-asset';
import { createTransactor, type Transactor } from '@ogong/chain/transactor';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { writePublicFile } from '@ogong/host/files/private-files';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { LAUNCH_TRANCHE_ATOMIC } from '@ogong/protocol/settlement/launch-curve';
import { formatAmount, formatTokens } from '../money/amount.ts';
import { readPrivateKey } from '../open-ledger.ts';
import { type NetworkPlan, readNetworkFile } from './network-file.ts';
import { readProgress, writeProgress } from './progress-file.ts';
import { rehearse } from './rehearse.ts';

const PPM = 1_000_000;

const fields = {
  keypair: {
    schema: text,
    label: '<path>',
    env: 'OGONG_KEYPAIR',
    required: true,
    description: "file with the deployer's key, as hexadecimal digits; it pays, and has no power afterwards",
  },
  json: jsonField,
} as const;

const planConfig = defineConfig({
  name: 'ogong deploy plan',
  summary:
    'Shows the steps of a deployment, and sends nothing. It deploys the network on a chain of this machine first, with the same number and\n' +
    'settings, and asks the real chain for the cost.',
  examples: ['ogong deploy plan network.json --keypair <path>'],
  fields,
  positionals: { label: '<network.json>', min: 1, max: 1 },
});

const deployConfig = defineConfig({
  name: 'ogong deploy',
  summary:
    'Deploys the whole network that a file describes. Run it again after a failure: it checks existing contracts, transaction by transaction, and\n' +
    'does the rest. In the end it writes the file that every daemon and command reads.',
  examples: [
    'ogong deploy plan network.json --keypair <path>',
    'ogong deploy network.json --keypair <path> --out deployment.json',
  ],
  fields: {
    ...fields,
    out: {
      schema: text,
      label: '<path>',
      default: 'deployment.json',
      description: 'file for the addresses; <path>.progress holds the progress meanwhile',
    },
  },
  positionals: { label: '<network.json>', min: 1, max: 1 },
});

function describeGovernance({ plan }: NetworkPlan): string {
  const { voting } = plan;
  if (voting === undefined) return `the owner, ${plan.owner}`;
  const { delay, period, timelock, threshold, quorumBps } = voting;
  return `token holders vote from ${delay} s after a proposal on, for ${period} s, then wait ${timelock} s. They need ${formatTokens(threshold)} votes to propose, and ${quorumBps / 100} % of all tokens as a quorum`;
}

/** Describes the treatment of an unknown provider, and how often providers are tested. */
function describeNewcomers({ holding, tests, work }: NetworkParameters): string {
  const { entrance, growth } = holding;
  const order =
    entrance === 0n
      ? 'an order at a new key costs what it likes'
      : `an order at a new key costs at most ${formatTokens(entrance)}, and later ${growth / PPM} times what the key holds besides`;
  const shown =
    work.bits === 0
      ? 'no work is asked of keys without stake'
      : `keys without stake show work of ${work.bits} bits, good for ${work.epochs} epochs`;
  const { canaryRate, timedRate, slowestRate } = tests;
  const tested = `each validator tests each provider and model in an epoch. It makes ${canaryRate / PPM} questions and ${timedRate / PPM} jobs with a deadline for ${slowestRate} tokens a second`;
  return `${order}; ${shown}; ${tested}`;
}

/** Describes the share for verification and the audits that it pays for. */
function describeAudits({ shares, limits }: NetworkParameters): string {
  return `${shares.verification / 100} % of each fee are kept for verification; at least ${(100 * limits.alpha) / PPM} % of the replies are audited, and more where a key holds little`;
}

/**
 * @returns the symbol of the curve's asset; undefined if there is no curve. @throws ConfigError if the asset has other decimals, since the
 * first price would change.
 */
async function readAssetSymbol(
  program: string,
  { asset }: NetworkPlan,
  transactor: Transactor,
): Promise<string | undefined> {
  if (asset === undefined) return undefined;
  const { symbol, decimals } = await describeAsset(transactor, asset.address);
  if (decimals === asset.decimals) return symbol;
  throw new ConfigError(program, [
    `launch.decimals: ${asset.address} (${symbol}) has ${decimals}, not ${asset.decimals}`,
  ]);
}

/** Describes the owner of the launch's tokens; undefined if the network has no launch. */
function describeLaunch({ plan: { launch }, asset }: NetworkPlan, symbol: string | undefined): string | undefined {
  if (launch === undefined) return undefined;
  const all = formatAmount(LAUNCH_TRANCHE_ATOMIC);
  if ('earlier' in launch) return `the launch goes on at the earlier curve, ${launch.earlier}`;
  if ('owner' in launch) return `the launch's ${all} are those of ${launch.owner}: no curve sells them`;
  const show = (atomic: bigint, further = 0): string =>
    `${formatTokens(atomic, (asset?.decimals ?? 0) + further)} ${symbol}`;
  const { virtualReserve } = launch;
  return `the launch's ${all} are sold along a curve for ${symbol} (${launch.asset}), the first for ${show(virtualReserve, 8)} each, half of them for ${show(virtualReserve)}. Payments stay there`;
}

async function runPlan(argv: readonly string[], output: Output): Promise<number> {
  const parsed = planConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const network = readNetworkFile('ogong deploy plan', parsed.positionals[0] as string);
  const deployer = computeAddress(readPrivateKey(parsed.values.keypair));
  const transactor = createTransactor(network);
  const [chainId, nonce, balance, price] = await transactor.read(
    'the chain',
    async (client) =>
      [
        await client.getChainId(),
        await client.getTransactionCount({ address: deployer, blockTag: 'latest' }),
        await client.getBalance({ address: deployer }),
        (await client.estimateFeesPerGas()).maxFeePerGas,
      ] as const,
  );
  assertChain('ogong deploy plan', network, chainId);
  await assertRules(transactor);
  const symbol = await readAssetSymbol('ogong deploy plan', network, transactor);
  const launch = describeLaunch(network, symbol);
  const { steps, gasUsed, parameters } = await rehearse(network, deployer);
  const planned = steps.map(({ what, gasUsed: gas }, i) => ({
    what,
    address: computeCreated(deployer, nonce + i),
    gas,
  }));
  const feeWei = gasUsed * price;
  if (parsed.values.json) {
    printJson(output, {
      ...{ chainId, deployer, governance: describeGovernance(network), balanceWei: `${balance}`, feeWei: `${feeWei}` },
      ...(launch !== undefined && { launch }),
      newcomers: { ...parameters.holding, entrance: `${parameters.holding.entrance}` },
      ...{ tests: parameters.tests, work: parameters.work, shares: parameters.shares, alpha: parameters.limits.alpha },
      contracts: planned.map(({ gas, ...rest }) => ({ ...rest, gas: `${gas}` })),
    });
    return EXIT.ok;
  }
  output.write(
    `chain ${chainId}, by ${deployer}\ngoverned by ${describeGovernance(network)}\n${launch === undefined ? '' : `${launch}\n`}${describeAudits(parameters)}\n${describeNewcomers(parameters)}\n\n`,
  );
  for (const { what, address, gas } of planned) output.write(`  ${what.padEnd(20)} ${address}  ${gas} gas\n`);
  output.write(
    `\n${planned.length} transactions, ${gasUsed} gas, at most ${formatTokens(feeWei)} of the chain's coin\n`,
  );
  if (balance < feeWei) output.write(`the deployer has ${formatTokens(balance)}: that may not do\n`);
  output.write('nothing was sent\n');
  return EXIT.ok;
}

function assertChain(program: string, { chainId, rpcUrl }: NetworkPlan, found: number): void {
  if (found !== chainId)
    throw new ConfigError(program, [`${nameEndpoint(rpcUrl)} serves chain ${found}, the file is for ${chainId}`]);
}

async function runDeploy(argv: readonly string[], output: Output): Promise<number> {
  const parsed = deployConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { keypair, out, json = false } = parsed.values;
  const network = readNetworkFile('ogong deploy', parsed.positionals[0] as string);
  const { chainId, rpcUrl, plan } = network;
  const privateKey = readPrivateKey(keypair);
  const deployer = computeAddress(privateKey);
  const contracts = await hashContracts();
  const before = readProgress('ogong deploy', out, { chainId, deployer, contracts });
  if (before === undefined && existsSync(out)) {
    throw new ConfigError('ogong deploy', [
      `${out} is there already, and no run that stopped left it: choose another --out`,
    ]);
  }
  const transactor = createTransactor({ rpcUrl, chainId });
  assertChain('ogong deploy', network, await transactor.read('the chain', (client) => client.getChainId()));
  await readAssetSymbol('ogong deploy', network, transactor);
  const say = (line: string): void => void (json || output.write(line));
  const deployment = await deployContracts(
    { ...plan, chainId, rpcUrl, privateKey },
    {
      ...(before && { nonce: before.nonce, fromBlock: before.fromBlock }),
      onStart: (start) => writeProgress(out, { chainId, deployer, contracts, ...start }),
      onStep: ({ what, address, isOld }) =>
        say(`  ${what.padEnd(20)} ${address}  ${isOld ? 'is there' : 'deployed'}\n`),
    },
  );
  writePublicFile(out, `${JSON.stringify(deployment, null, 2)}\n`);
  if (json) printJson(output, deployment);
  else output.write(`\nall contracts are there and are what the file says; their addresses are in ${out}\n`);
  return EXIT.ok;
}

export const deployCommand: Command = {
  name: 'deploy',
  summary: 'put a whole network on a chain',
  run: ([verb = '', ...rest], output) =>
    verb === 'plan' ? runPlan(rest, output) : runDeploy(verb === '' ? rest : [verb, ...rest], output),
};
