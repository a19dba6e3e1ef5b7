import { ConfigError } from '@ogong/host/config/config-error';
import { expect, it } from 'vitest';
import { validatorConfig } from '../validator-config.ts';
import { validatorCommands } from './commands.ts';

it('the help of the daemon names every command beside it, and no other', async () => {
  expect(validatorConfig.definition.commands).toEqual([...validatorCommands.keys()]);
  const help = validatorConfig.parse(['--help'], {});
  for (const [name, command] of validatorCommands) {
    expect(help.kind === 'print' && help.text).toContain(name);
    expect(await command(['--help'], {})).toContain(`Usage: ogong-validatord ${name} [flags]`);
  }
});

it('a command that is refused names its own help, and a word that is none names the commands', async () => {
  const refused = validatorCommands.get('acquit')?.(['--deployment', 'deployment.json'], {});
  await expect(refused).rejects.toThrow(ConfigError);
  await expect(refused).rejects.toThrow(/give one of --case.*\nsee ogong-validatord acquit --help/s);
  expect(() => validatorConfig.parse(['pardn'], {})).toThrow(
    /"pardn" \(did you mean pardon\?\); the commands are register, .*pardon/,
  );
});
