import { Body, Controller, Get, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import { ROLES, type Role } from '@plumbline/contracts';
import { IsEmail, IsIn, IsString, Length, Matches } from 'class-validator';
import { userDto } from '../auth/auth.controller.js';
import { UserDto } from '../auth/dto/auth.dto.js';
import { Allow, CurrentCaller, type Caller } from '../auth/principal.js';
import { ApiProblems } from '../problems/responses.js';
import { PeopleService } from './people.service.js';

export class NewUserDto {
  @ApiProperty() @IsEmail() email!: string;
  @ApiProperty({ minLength: 1, maxLength: 200 })
  @IsString()
  @Length(1, 200)
  @Matches(/^[^\p{Cc}]*$/u, { message: 'must not contain control characters' })
  displayName!: string;
  @ApiProperty({ enum: ROLES, enumName: 'Role' }) @IsIn(ROLES) role!: Role;
  @ApiProperty({ format: 'password', minLength: 12, maxLength: 1000 })
  @IsString()
  @Length(12, 1000)
  password!: string;
}

export class UserListDto {
  @ApiProperty({ type: [UserDto] }) items!: UserDto[];
}

@ApiTags('people')
@Controller('users')
export class PeopleController {
  constructor(private readonly people: PeopleService) {}

  @Get()
  @Allow('admin', 'auditor')
  @ApiOkResponse({
    type: UserListDto,
    description: 'People and services; simulated labelers belong to their runs',
  })
  @ApiProblems(401, 403)
  async list(): Promise<UserListDto> {
    return { items: (await this.people.list()).map(userDto) };
  }

  @Post()
  @Allow('admin')
  @ApiCreatedResponse({ type: UserDto })
  @ApiProblems(401, 403, 409, 422)
  async create(@CurrentCaller() caller: Caller, @Body() user: NewUserDto): Promise<UserDto> {
    return userDto(await this.people.create(user, caller));
  }
}
