import type { TrajectoryEngine, TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import type { PictureChoices } from '@ogong/protocol/modality/trajectory/header';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { type MadePicture, makePicture } from '@ogong/provider/modality/trajectory/make-picture';
import type { SourcePixels } from '@ogong/provider/modality/trajectory/read-source';
import type { FolderEdit } from './edited-folder.ts';

/** The parts that an attacker of pictures has. */
export interface PictureMeans {
  /** The model that is sold. */
  readonly sold: TrajectoryEngine;
  /** Opens a changed copy of the sold model, once for each edit. */
  readonly open: (edit: FolderEdit) => Promise<TrajectoryEngine>;
}

/** An order for one picture, as an attacker sees it. */
export interface PictureOrder {
  readonly request: PictureRequest;
  readonly choices: PictureChoices;
  /** Noise of the order's draw key, not scaled. */
  readonly noise: Float32Array;
  /** Noise of an earlier order. */
  readonly earlierNoise: Float32Array;
  /** The picture to change; undefined for a picture from noise alone. */
  readonly input: SourcePixels | undefined;
  /** Pixels of an earlier picture, RGB8 row by row. */
  readonly earlierPixels: Uint8Array;
}

/** One way to cheat with pictures. */
export interface PictureAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** Id of the check that fails at the gateway, or in an audit by a verifier of the provider's exact class. */
  readonly caughtBy: string;
  /** True if only some of the steps are false: an audit that draws true ones accepts. */
  readonly isPartial?: true;
  /** True if the request leaves the guidance to the model. */
  readonly leavesGuidance?: true;
  /** More fields of the request. */
  readonly fields?: object;
  /** The request changes a picture, with a mask or without. Default: the picture comes from noise alone. */
  readonly changes?: 'picture' | 'masked' | undefined;
  /** Makes the picture, and the steps that the attacker commits to. */
  make(means: PictureMeans, order: PictureOrder): Promise<MadePicture>;
  /** Properties of the model that the attacker states. Default: those of the sold model. */
  state?(means: PictureMeans): Promise<TrajectoryInfo>;
  /** How it delivers the values of its steps. Default: as committed. */
  readonly delivers?: 'nothing' | 'wrong-chunk' | undefined;
}

const signal = new AbortController().signal;

/** Makes a picture with an engine as an honest provider does. */
export const makeHonestly = (
  engine: TrajectoryEngine,
  { request, choices, noise, input }: MakeInputs,
): Promise<MadePicture> => makePicture(engine, { request, choices, input }, { noise, signal });

/** A request to change no picture needs its prompts alone. */
export type MakeInputs = Pick<PictureOrder, 'choices' | 'noise'> &
  Partial<Pick<PictureOrder, 'input'>> & {
    readonly request: Pick<PictureRequest, 'prompt' | 'negativePrompt'> & Partial<Pick<PictureRequest, 'source'>>;
  };
