"""The group `scissorsd service`: declarations only."""

from pathlib import Path

import click

from scissorsd import cli_options
from scissorsd.commands.messages import say
from scissorsd.errors import EXIT_OK

_personal = click.option("--user", is_flag=True, help="For yourself alone, without root.")
_root = click.option("--root", type=cli_options.FOLDER, default="/", hidden=True)


@click.group()
def service() -> None:
    """Run as a service of systemd, from boot on."""


@service.command("install")
@_personal
@cli_options.config
@click.option("--dry-run", is_flag=True, help="Show the unit and write nothing.")
@click.option(
    "--make-folders",
    is_flag=True,
    help="Make inboxes, outboxes, move_to and folders of outputs that are missing.",
)
@_root
def install_service(
    config: Path | None, root: Path, *, user: bool, dry_run: bool, make_folders: bool
) -> int:
    """Write the unit for this installation and a configuration; say what was done, and what next.

    The configuration is /etc/scissorsd/scissorsd.yaml, or with --user
    ~/.config/scissorsd/scissorsd.yaml, unless -c names another.
    """
    from scissorsd.service import unit_for_config
    from scissorsd.service.install import install
    from scissorsd.service.target import Target

    target = Target(personal=user, root=root.absolute())
    if dry_run:
        click.echo(unit_for_config.unit_text(target, config), nl=False)
        for sentence in unit_for_config.folders_to_make(target, config) if make_folders else ():
            say(sentence, err=True)  # standard output is the unit
        return EXIT_OK
    for sentence in install(target, config, make_folders=make_folders):
        say(sentence)
    return EXIT_OK


@service.command("uninstall")
@_personal
@_root
def uninstall_service(root: Path, *, user: bool) -> int:
    """Stop the service and take away what `install` wrote; configuration and pictures stay."""
    from scissorsd.service.install import uninstall
    from scissorsd.service.target import Target

    for sentence in uninstall(Target(personal=user, root=root.absolute())):
        say(sentence)
    return EXIT_OK


@service.command("sample")
def sample_configuration() -> int:
    """Show the sample configuration, with every option explained."""
    from scissorsd.config.sample import sample

    click.echo(sample(), nl=False)
    return EXIT_OK
