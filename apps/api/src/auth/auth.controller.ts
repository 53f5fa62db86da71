import { Body, Controller, Get, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { ProblemError } from '../problems/problem.js';
import { ApiProblems } from '../problems/responses.js';
import { SESSION_COOKIE } from './authentication.guard.js';
import { AuthService } from './auth.service.js';
import { LoginDto, SessionDto, type UserDto } from './dto/auth.dto.js';
import { LoginLimitGuard } from './login-limit.guard.js';
import { AcceptRunTokens, CurrentCaller, Public, type Caller } from './principal.js';

@ApiTags('auth')
@Controller('auth')
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  @Post('login')
  @Public()
  @UseGuards(LoginLimitGuard)
  @HttpCode(200)
  @ApiOkResponse({ type: SessionDto, description: 'Signed in; the session is in a cookie' })
  @ApiProblems(401, 422, 429)
  async login(
    @Body() { email, password }: LoginDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionDto> {
    const { user, token, csrfToken, expiresAt } = await this.auth.login(email, password);
    response.cookie(SESSION_COOKIE, token, {
      httpOnly: true,
      sameSite: 'lax',
      secure: request.secure,
      path: '/',
      expires: expiresAt,
    });
    return { user: userDto(user), csrfToken };
  }

  @Post('logout')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'Signed out' })
  @ApiProblems(401, 403)
  async logout(
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    if ('session' in caller.by) await this.auth.logout(caller.by.session);
    response.clearCookie(SESSION_COOKIE, { httpOnly: true, sameSite: 'lax', path: '/' });
  }

  @Get('session')
  @AcceptRunTokens()
  @ApiOkResponse({ type: SessionDto, description: 'Who is signed in' })
  @ApiProblems(401)
  session(@CurrentCaller() caller: Caller): SessionDto {
    if (!('session' in caller.by)) throw new ProblemError('not-signed-in', 'a bearer token has no session');
    return { user: userDto({ ...caller, id: caller.userId }), csrfToken: caller.by.csrfToken };
  }
}

export function userDto({ id, email, displayName, role }: UserDto): UserDto {
  return { id, email, displayName, role };
}
