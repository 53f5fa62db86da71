/** What the sections' keys may be, as decorators. */
import { Type } from 'class-transformer';
import { IsInt, IsNumber, IsObject, IsPositive, Max, Min, ValidateBy, ValidateNested } from 'class-validator';

export const FINITE = { allowNaN: false, allowInfinity: false };

/** A count that must be at least 1 (or `minimum`) and fit a 32-bit index. */
export function Count(minimum = 1): PropertyDecorator {
  return (target, key) => {
    IsInt()(target, key);
    Min(minimum)(target, key);
    Max(2 ** 31 - 1)(target, key);
  };
}

/** A finite number above 0. */
export function Positive(): PropertyDecorator {
  return (target, key) => {
    IsNumber(FINITE, { message: 'must be a finite number' })(target, key);
    IsPositive()(target, key);
  };
}

/** A finite number from 0. */
export function NotNegative(): PropertyDecorator {
  return (target, key) => {
    IsNumber(FINITE, { message: 'must be a finite number' })(target, key);
    Min(0)(target, key);
  };
}

/** A finite number in 0 … 1. */
export function Fraction(): PropertyDecorator {
  return (target, key) => {
    IsNumber(FINITE, { message: 'must be a finite number' })(target, key);
    Min(0)(target, key);
    Max(1)(target, key);
  };
}

/** A finite number from 0 to below 1. */
export function Share(): PropertyDecorator {
  return (target, key) => {
    IsNumber(FINITE, { message: 'must be a finite number' })(target, key);
    Min(0)(target, key);
    Max(1 - 2 ** -24, { message: 'must be below 1' })(target, key);
  };
}

export function Section(type: () => new () => object): PropertyDecorator {
  return (target, key) => {
    IsObject()(target, key);
    ValidateNested()(target, key);
    Type(type)(target, key);
  };
}

/** `equal`, or a weight from 0 for each labeler that is named. */
export function LabelerWeights(): PropertyDecorator {
  const isWeight = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;
  return ValidateBy({
    name: 'labelerWeights',
    validator: {
      validate: (value: unknown) =>
        value === 'equal' ||
        (typeof value === 'object' &&
          value !== null &&
          !Array.isArray(value) &&
          Object.values(value).every(isWeight)),
      defaultMessage: () =>
        'must be "equal" or a mapping of labelers to weights, each a finite number from 0',
    },
  });
}
