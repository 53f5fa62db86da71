import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { ProblemError, type FieldProblem } from './problem.js';

/** Checks bodies and queries against their DTO; unknown keys are refused. */
export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    exceptionFactory: (errors) => {
      const problems = errors.flatMap((error) => flatten(error, ''));
      const detail = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
      return new ProblemError('invalid-request', detail, problems);
    },
  });
}

function flatten(error: ValidationError, prefix: string): FieldProblem[] {
  const path = prefix === '' ? error.property : `${prefix}.${error.property}`;
  const own = Object.entries(error.constraints ?? {}).map(([constraint, message]) => ({
    path,
    message: constraint === 'whitelistValidation' ? 'unknown key' : withoutName(message, error.property),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, path))];
}

/** class-validator begins its messages with the property's name, which the path says already. */
function withoutName(message: string, property: string): string {
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
