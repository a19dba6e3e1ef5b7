import { NO_TOKENS_HASH } from '@ogong/protocol/modality/text/commitment/token-window';
import { boundModelUnits, MAX_PIXELS, type PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import { HIDDEN_SCHEDULER } from '@ogong/protocol/modality/trajectory/schedule/hidden-schedule';
import { EngineError } from '../../interface/engine-error.ts';
import type {
  TrajectoryEngine,
  TrajectoryInfo,
  WholePicture,
  WholePictureRequest,
} from '../../interface/trajectory.ts';
import {
  type ConnectionOptions,
  connectUpstream,
  type ExchangeHolder,
  type Refused,
  toEngineError,
} from '../connection.ts';
import { findModel } from '../find-server.ts';
import { createTurns } from '../turns.ts';
import type { UpstreamLimits } from '../upstream-limits.ts';
import { IMAGE_SERVER_TRAITS, type ImageServer, toImageBody } from './image-server.ts';
import { readImage } from './read-image.ts';

export interface UpstreamPictureOptions extends ConnectionOptions {
  /** Name of the model in requests. Default: the only one that the server lists. */
  readonly model?: string | undefined;
  /** Root that names it in orders and records, 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Default: `openai`. */
  readonly server?: ImageServer;
  /** Steps that a request without a number bills. */
  readonly steps: number;
  /** Size of a request that names none. */
  readonly size: PictureSize;
  /** Pictures at a time. Default: 1. */
  readonly sequences?: number | undefined;
}

export interface UpstreamPictureEngine extends TrajectoryEngine {
  /** Name of the model in requests. */
  readonly model: string;
  readonly address: string;
  makeWhole(request: WholePictureRequest, options?: { readonly signal?: AbortSignal }): Promise<WholePicture>;
}

/** A server answers once the picture is complete. A file of the most bytes has 4/3 of them in base64. */
export const PICTURE_UPSTREAM_LIMITS: Partial<UpstreamLimits> = {
  maxBodyBytes: 24 * 1024 * 1024,
  firstByteMs: 600_000,
};

const QUEUE_PER_PLACE = 4;

/**
 * Creates an engine in front of a server with OpenAI's API of images. The server shows no steps, so nothing of its pictures is proven.
 * @throws EngineError if the server cannot be reached, or does not list the model.
 */
export async function createUpstreamPictureEngine(options: UpstreamPictureOptions): Promise<UpstreamPictureEngine> {
  const connection = connectUpstream({ ...options, limits: { ...PICTURE_UPSTREAM_LIMITS, ...options.limits } });
  const { address } = connection;
  const { server = 'openai', sequences = 1, steps, size, modelRoot } = options;
  const { model } = await findModel(connection, options.model);
  const { takesSteps, takesGuidance, hasNegative } = IMAGE_SERVER_TRAITS[server];
  const info: TrajectoryInfo = {
    ...{ modelRoot, vocabularyHash: NO_TOKENS_HASH, weightType: 'unknown', exact: false },
    numericClass: `upstream/${server}/unknown/signed/unknown/unknown`,
    contextSize: boundModelUnits({ mostPixels: MAX_PIXELS }),
    ...{ sequences, scheduler: HIDDEN_SCHEDULER, latentChannels: 1, latentScale: 1 },
    ...{ size, hasFixedSize: false, sizeStep: 1, mostPixels: MAX_PIXELS, steps, guidance: 0 },
    ...{ canEdit: false, hasNegative, capabilities: { draws: false, takesSteps, takesGuidance } },
  };
  const closing = new AbortController();
  const turns = createTurns({ sequences, maxQueue: QUEUE_PER_PLACE * sequences });
  let takesFormat = true;

  async function request(asked: WholePictureRequest, signal: AbortSignal, told: ExchangeHolder): Promise<unknown> {
    const call = () => {
      const body = toImageBody(asked, { model, server, takesFormat });
      return connection.call('/v1/images/generations', body, { signal, told });
    };
    let answer = await call();
    // Some models of OpenAI's own API refuse the field, and always answer inline.
    if (takesFormat && 'status' in answer && isAboutFormat(answer)) {
      takesFormat = false;
      answer = await call();
    }
    if ('status' in answer) throw toEngineError(address, answer);
    return answer.document;
  }

  const refuse = async (): Promise<never> => {
    throw new EngineError('unsupported-model', 'a model behind another server shows no steps');
  };
  return {
    specificationVersion: 'trajectory-v1',
    ...{ model, address },
    info: () => info,
    async makeWhole(asked, { signal } = {}) {
      const ended = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
      try {
        const leave = await turns.enter(ended);
        try {
          const told: ExchangeHolder = {};
          const document = await request(asked, ended, told);
          const exchange = told.show?.();
          return { pixels: await readImage(address, document, asked), exchange };
        } finally {
          leave();
        }
      } catch (error) {
        if (closing.signal.aborted) throw new EngineError('engine-closed', 'the engine was closed');
        throw error;
      }
    },
    // biome-ignore lint/correctness/useYield: it yields nothing, since the server shows no steps.
    async *generate() {
      await refuse();
    },
    ...{ runStep: refuse, decode: refuse, encode: refuse, tokenize: refuse },
    async close() {
      closing.abort();
    },
  };
}

const isAboutFormat = ({ status, words }: Refused): boolean =>
  (status === 400 || status === 422) && words.includes('response_format');
