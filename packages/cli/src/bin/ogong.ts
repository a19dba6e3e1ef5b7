#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { suggest } from '@ogong/host/config/suggest';
import { explainTyping } from '@ogong/host/config/typed-commands';
import { type Command, type Output, runCommand } from '@ogong/host/lifecycle/command';
import { createCompletionCommand } from '@ogong/host/lifecycle/completion';
import { EXIT } from '@ogong/host/log/errors';
import { VERSION } from '@ogong/host/version';
import { agentCommand } from '../agent/agent-command.ts';
import { askCommand } from '../ask-command.ts';
import { backupCommand } from '../backup/backup-command.ts';
import { calibrateCommand } from '../calibrate/calibrate-command.ts';
import { compareCommand } from '../compare/compare-command.ts';
import { deployCommand } from '../deploy/deploy-command.ts';
import { doctorCommand } from '../doctor/doctor-command.ts';
import { evidenceCommand } from '../evidence-command.ts';
import { hubCommand } from '../hub/hub-command.ts';
import { pinsCommand } from '../hub/pins/pins-command.ts';
import { imagesCommand } from '../images-command.ts';
import { joinCommand } from '../join/join-command.ts';
import { machineCommand } from '../machine-command.ts';
import { memoryCommand } from '../memory/memory-command.ts';
import { meshCommand } from '../mesh-command.ts';
import { modelCommand } from '../model-command.ts';
import { caseCommand } from '../money/case-command.ts';
import { claimCommand, withdrawCommand } from '../money/claim-command.ts';
import { creditsCommand } from '../money/credits-command.ts';
import { earningsCommand } from '../money/earnings-command.ts';
import { escrowCommand } from '../money/escrow-command.ts';
import { launchCommand } from '../money/launch-command.ts';
import { migrateCommand } from '../money/migrate-command.ts';
import { paramsCommand } from '../money/params-command.ts';
import { payeeCommand } from '../money/payee-command.ts';
import { supplyCommand, walletCommand } from '../money/show-commands.ts';
import { bondCommand, priorityCommand, stakeCommand } from '../money/stake-command.ts';
import { voteCommand } from '../money/vote-command.ts';
import { replayCommand } from '../replay-command.ts';
import { settlementCommand } from '../settlement-command.ts';
import { signerCommand } from '../signer-command.ts';
import { testimonyCommand } from '../testimony-command.ts';
import { unsealCommand } from '../unseal-command.ts';
import { verifyCommand } from '../verify-command.ts';
import { logsCommand } from '../watch/logs-command.ts';
import { topCommand } from '../watch/top-command.ts';

const completionCommand = createCompletionCommand('ogong', () => commands);

const moneyCommands: readonly Command[] = [
  walletCommand,
  earningsCommand,
  withdrawCommand,
  claimCommand,
  stakeCommand,
  priorityCommand,
  bondCommand,
  escrowCommand,
  caseCommand,
  creditsCommand,
  launchCommand,
  settlementCommand,
  paramsCommand,
  voteCommand,
  supplyCommand,
  migrateCommand,
  payeeCommand,
  pinsCommand,
];

const commands: readonly Command[] = [
  meshCommand,
  joinCommand,
  askCommand,
  verifyCommand,
  replayCommand,
  compareCommand,
  evidenceCommand,
  machineCommand,
  imagesCommand,
  testimonyCommand,
  unsealCommand,
  agentCommand,
  memoryCommand,
  modelCommand,
  hubCommand,
  ...moneyCommands,
  calibrateCommand,
  deployCommand,
  signerCommand,
  topCommand,
  logsCommand,
  backupCommand,
  doctorCommand,
  completionCommand,
];

const GROUPS: readonly (readonly [string, readonly Command[]])[] = [
  [
    'Ask and check',
    [
      joinCommand,
      askCommand,
      verifyCommand,
      replayCommand,
      compareCommand,
      evidenceCommand,
      machineCommand,
      imagesCommand,
      testimonyCommand,
      unsealCommand,
      agentCommand,
      memoryCommand,
    ],
  ],
  ['Models', [modelCommand, hubCommand, calibrateCommand]],
  ['Money', moneyCommands],
  ['Run a network', [meshCommand, deployCommand, signerCommand, topCommand, logsCommand, backupCommand, doctorCommand]],
  ['This program', [completionCommand]],
];

const help = `ogong: AI inference with receipts that you can check

Usage: ogong <command> [flags]

${GROUPS.map(([title, each]) => `${title}:\n${each.map(({ name, summary }) => `  ${name.padEnd(10)}  ${summary}\n`).join('')}`).join('\n')}
ogong <command> --help says more. The daemons are programs of their own: ogong-provider, ogong-validatord,
ogong-verifierd, ogong-routerd, ogong-gatewayd, ogong-relayd, ogong-stored, ogong-memoryd.

Examples:
  ogong mesh up
  ogong ask "The lighthouse was dark." --save receipt.json
  ogong verify receipt.json
`;

async function main([name = '', ...rest]: readonly string[], output: Output): Promise<number> {
  if (name === '' || name === '--help' || name === '-h' || name === 'help') {
    output.write(help + explainTyping('ogong', process.env));
    return EXIT.ok;
  }
  if (name === '--version') {
    output.write(`ogong ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return command.run(rest, output);
  const names = commands.map((each) => each.name);
  output.writeError(`ogong: there is no command ${name}${suggest(name, names)}; there are ${names.join(', ')}\n`);
  return EXIT.usage;
}

await runCommand('ogong', (output) => main(process.argv.slice(2), output));
