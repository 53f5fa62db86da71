import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { ProblemError } from './problem.js';

/** Ids in paths: what cannot be an id names nothing, so the answer is 404. */
@Injectable()
export class IdPipe implements PipeTransform<string, string> {
  transform(value: string, { data }: ArgumentMetadata): string {
    if (!isUUID(value)) throw new ProblemError('not-found', `${data ?? 'id'}: nothing is called ${value}`);
    return value;
  }
}
