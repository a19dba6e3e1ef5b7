import { readFileSync } from 'node:fs';

/** Reads the flags that a program's first line gives to node: `#!/usr/bin/env -S node FLAGS`. */
export function readNodeFlags(entry: string): readonly string[] {
  const flags = /^#!\/usr\/bin\/env -S node (.+)/.exec(readFileSync(entry, 'utf8'))?.[1];
  return flags?.trim().split(/\s+/) ?? ['--disable-warning=ExperimentalWarning'];
}
