import { allot } from './allot-command.ts';
import { acquit, pardon, reinstate } from './appeal-commands.ts';
import type { ValidatorCommand } from './command.ts';
import { convict } from './conviction-command.ts';
import { consent, register, setSigner } from './key-commands.ts';
import { ejectMachine, revokeMachine } from './machine-commands.ts';
import { retireKey } from './retire-key-command.ts';

/** Commands by the first argument of `ogong-validatord`. Without one the daemon starts. */
export const validatorCommands: ReadonlyMap<string, ValidatorCommand> = new Map(
  Object.entries({
    register,
    consent,
    'set-signer': setSigner,
    reinstate,
    pardon,
    acquit,
    convict,
    'revoke-machine': revokeMachine,
    'eject-machine': ejectMachine,
    allot,
    'retire-key': retireKey,
  }),
);
