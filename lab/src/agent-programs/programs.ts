import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a program runs. */
export interface Place {
  /** Address of the server, without path. */
  readonly base: string;
  readonly model: string;
  /** Home of the program, empty before. */
  readonly home: string;
  /** Its working folder, with the picture. */
  readonly work: string;
}

/** A program that lets a model call tools. */
export interface AgentProgram {
  readonly name: string;
  /** Packages with versions, from npm. */
  readonly packages: readonly string[];
  /** Name of the model; some programs read from it whether the model sees. */
  readonly model: string;
  /** The API that it speaks. */
  readonly path: string;
  /** The call that makes it show a picture to its model. */
  readonly call: (picture: string) => { readonly name: string; readonly arguments: Record<string, string> };
  /** Writes its configuration. @returns environment and command line; the first word is a program of its packages, or `node`. */
  readonly prepare: (
    place: Place,
    question: string,
  ) => { readonly env: Record<string, string>; readonly argv: string[] };
}

const CODEX = (base: string, model: string): string => `model = "${model}"
model_provider = "ogong"
[model_providers.ogong]
name = "OGONG"
base_url = "${base}/v1"
wire_api = "responses"
`;

/** The loop of a library, as its documents show it. */
const LIBRARY = (question: string): string => `
import { readFileSync } from 'node:fs';
import { Agent, OpenAIProvider, Runner, tool } from '@openai/agents';
import { z } from 'zod';
const look = tool({
  name: 'look_at',
  description: 'Shows a picture.',
  parameters: z.object({ path: z.string() }),
  execute: ({ path }) => ({ type: 'image', image: { data: readFileSync(path), mediaType: 'image/png' } }),
});
const modelProvider = new OpenAIProvider({ baseURL: process.env.BASE, apiKey: 'none', useResponses: true });
const runner = new Runner({ modelProvider, tracingDisabled: true });
const agent = new Agent({ name: 'observer', instructions: 'Look, then answer.', model: process.env.MODEL, tools: [look] });
const { finalOutput } = await runner.run(agent, ${JSON.stringify(question)});
console.log(finalOutput);
`;

export const AGENT_PROGRAMS: readonly AgentProgram[] = [
  {
    name: 'Claude Code',
    packages: ['@anthropic-ai/claude-code@2.1.332'],
    model: 'observer',
    path: '/v1/messages',
    call: (picture) => ({ name: 'Read', arguments: { file_path: picture } }),
    prepare: ({ base, model }, question) => ({
      env: {
        ...{ ANTHROPIC_BASE_URL: base, ANTHROPIC_AUTH_TOKEN: 'none' },
        ...{ ANTHROPIC_MODEL: model, ANTHROPIC_SMALL_FAST_MODEL: model },
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      },
      argv: ['claude', '-p', question, '--allowedTools', 'Read'],
    }),
  },
  {
    name: 'Codex',
    packages: ['@openai/codex@0.171.0'],
    model: 'observer',
    path: '/v1/responses',
    call: (picture) => ({ name: 'view_image', arguments: { path: picture } }),
    prepare: ({ base, model, home }, question) => {
      writeFileSync(join(home, 'config.toml'), CODEX(base, model));
      const argv = ['codex', 'exec', '--skip-git-repo-check', '--sandbox', 'read-only', question];
      return { env: { CODEX_HOME: home }, argv };
    },
  },
  {
    name: 'opencode',
    packages: ['opencode-ai@1.18.33'],
    model: 'observer',
    path: '/v1/chat/completions',
    call: (picture) => ({ name: 'read', arguments: { filePath: picture } }),
    prepare: ({ base, model, work }, question) => {
      const reads = { attachment: true, tool_call: true, modalities: { input: ['text', 'image'], output: ['text'] } };
      const provider = {
        ...{ npm: '@ai-sdk/openai-compatible', name: 'OGONG', options: { baseURL: `${base}/v1`, apiKey: 'none' } },
        models: { [model]: { name: model, ...reads } },
      };
      const names = { model: `ogong/${model}`, small_model: `ogong/${model}` };
      const config = { autoupdate: false, share: 'disabled', ...names, provider: { ogong: provider } };
      writeFileSync(join(work, 'opencode.json'), JSON.stringify(config));
      return { env: { OPENCODE_DISABLE_MODELS_FETCH: '1' }, argv: ['opencode', 'run', question] };
    },
  },
  {
    name: 'Qwen Code',
    packages: ['@qwen-code/qwen-code@0.24.4'],
    model: 'qwen3-vl-plus',
    path: '/v1/chat/completions',
    call: (picture) => ({ name: 'read_file', arguments: { file_path: picture } }),
    prepare: ({ base, model }, question) => ({
      env: { OPENAI_BASE_URL: `${base}/v1`, OPENAI_API_KEY: 'none', OPENAI_MODEL: model },
      argv: ['qwen', '-p', question],
    }),
  },
  {
    name: 'OpenAI Agents SDK',
    packages: ['@openai/agents@0.20.0', 'zod@4.6.7'],
    model: 'observer',
    path: '/v1/responses',
    call: (picture) => ({ name: 'look_at', arguments: { path: picture } }),
    prepare: ({ base, model, work }, question) => {
      writeFileSync(join(work, 'agent.mjs'), LIBRARY(question));
      return { env: { BASE: `${base}/v1`, MODEL: model }, argv: ['node', 'agent.mjs'] };
    },
  },
];
